import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { CborValue } from './cbor.ts'
import {
  decodeCanonical,
  encodeCanonical,
  equalBytes,
  readBytes,
  readInteger,
  readList,
  readMap,
  readText
} from './cbor.ts'
import type { SignatureVerifier } from './ed25519.ts'
import { DeadDropError } from './errors.ts'
import type { LogWriter } from './gate.ts'
import { verifyGateCertificate, withContext } from './gate.ts'
import { MAX_PIN_HEADS, MAX_PIN_MESSAGE_BYTES } from './limits.ts'
import type { EntryHash, LogAddress } from './brand.ts'
import { createLogManifest, logAddressOf, readEntryHash, readLogAddress } from './log-manifest.ts'
import { publicKeyOfPeerId } from './peer-id.ts'
import type {
  PinAnswer,
  PinKind,
  PinReceipt,
  PinRefusal,
  PinRequest,
  SignedPinReceipt
} from './pin-messages.ts'
import { PIN_REFUSALS } from './pin-messages.ts'
import { SIGNATURE_CONTEXT } from './protocol-ids.ts'

/** A request as it came off the wire: well formed, its signature not yet checked. */
export interface SignedPinRequest {
  readonly request: PinRequest
  /** The exact bytes that were signed. */
  readonly bytes: Uint8Array
  /** 64 bytes, Ed25519 under `request.writer`. */
  readonly signature: Uint8Array
}

const VERSION = 1
const SIGNATURE_BYTES = 64
const KEY_BYTES = 32
const NAME_BYTES = 24
const NONCE_BYTES = 16
const MAX_PEER_ID_CHARACTERS = 64
const CERTIFICATE_CHARACTERS = 90
const HASH_CHARACTERS = 59
const ADDRESS_CHARACTERS = '/orbitdb/'.length + HASH_CHARACTERS
/** Longest word of a kind or a refusal. */
const MAX_WORD_CHARACTERS = 16

/**
 * A fresh nonce for {@link PinRequest.nonce}.
 *
 * @param randomBytes - cryptographically random.
 */
export function createPinNonce(randomBytes: (length: number) => Uint8Array): string {
  return bytesToHex(randomBytes(NONCE_BYTES))
}

/**
 * Signs and frames a request: `{ body, sig, v: 1 }`, where `body` is the canonical encoding of the request.
 *
 * @param writer - the device that `request.writer` names.
 * @throws {DeadDropError} `bytes-malformed` over {@link MAX_PIN_HEADS} heads.
 */
export async function encodePinRequest(
  request: PinRequest,
  writer: LogWriter
): Promise<Uint8Array> {
  const body = encodeRequestBody(request)
  const signature = await writer.sign(withContext(SIGNATURE_CONTEXT.pinRequest, body))
  return encodeCanonical({ v: VERSION, body, sig: signature })
}

/**
 * Reads the shape of a request; checks no signature.
 *
 * @throws {DeadDropError} `bytes-too-large` over {@link MAX_PIN_MESSAGE_BYTES}, else `bytes-malformed`.
 */
export function decodePinRequest(bytes: Uint8Array): SignedPinRequest {
  const envelope = readVersioned(bytes, 'pin request', ['v', 'body', 'sig'])
  const body = readBytes(envelope['body'], 'body of pin request', 0, MAX_PIN_MESSAGE_BYTES)
  const signature = readBytes(envelope['sig'], 'signature of pin request', SIGNATURE_BYTES)
  const map = readMap(decodeCanonical(body, MAX_PIN_MESSAGE_BYTES), 'pin request', [
    'name',
    'gate',
    'kind',
    'node',
    'nonce',
    'holdForMs',
    'heads',
    'writer',
    'cert'
  ])
  const request: PinRequest = {
    manifest: createLogManifest(
      readBytes(map['name'], 'log name', NAME_BYTES),
      readBytes(map['gate'], 'gate public key', KEY_BYTES)
    ),
    kind: readKind(map['kind']),
    node: readText(map['node'], 'node', MAX_PEER_ID_CHARACTERS),
    nonce: bytesToHex(readBytes(map['nonce'], 'nonce', NONCE_BYTES)),
    holdForMs: readInteger(map['holdForMs'], 'hold time', 0, Number.MAX_SAFE_INTEGER),
    heads: readHeads(map['heads']),
    writer: bytesToHex(readBytes(map['writer'], 'writer', KEY_BYTES)),
    certificate: readText(map['cert'], 'certificate', CERTIFICATE_CHARACTERS)
  }
  return { request, bytes: body, signature }
}

/**
 * Whether the gate of the log admits the writer, and the writer signed the request. Says nothing about the node it is
 * addressed to, or about replays.
 */
export async function verifyPinRequest(
  verifier: SignatureVerifier,
  { request, bytes, signature }: SignedPinRequest
): Promise<boolean> {
  const isSigned = await verifier.verify(
    signature,
    hexToBytes(request.writer),
    withContext(SIGNATURE_CONTEXT.pinRequest, bytes)
  )
  if (!isSigned) return false
  const address = logAddressOf(request.manifest)
  return verifyGateCertificate(
    verifier,
    request.manifest,
    address,
    request.writer,
    request.certificate
  )
}

/**
 * Makes a promise: signs `receipt` with the key inside the peer id of the node.
 *
 * @param sign - Ed25519 under that key, 64 bytes.
 * @throws {DeadDropError} `bytes-malformed` over {@link MAX_PIN_HEADS} heads.
 */
export async function signPinReceipt(
  receipt: PinReceipt,
  sign: (message: Uint8Array) => Promise<Uint8Array>
): Promise<SignedPinReceipt> {
  const bytes = encodeReceiptBody(receipt)
  const signature = await sign(withContext(SIGNATURE_CONTEXT.pinReceipt, bytes))
  return { receipt, bytes, signature }
}

/**
 * Whether `signed` is the promise of `expected.node` about `expected.log`, made for the request with `expected.nonce`.
 * The key comes out of the peer id, so nothing has to be fetched. Times are not judged.
 */
export async function verifyPinReceipt(
  verifier: SignatureVerifier,
  { receipt, bytes, signature }: SignedPinReceipt,
  expected: { readonly node: string; readonly nonce: string; readonly log: LogAddress }
): Promise<boolean> {
  if (receipt.node !== expected.node) return false
  if (receipt.nonce !== expected.nonce || receipt.log !== expected.log) return false
  const publicKey = publicKeyOfPeerId(receipt.node)
  if (publicKey === undefined) return false
  // The object and the signed bytes travel together: only their agreement makes the object trustworthy.
  try {
    if (!equalBytes(encodeReceiptBody(receipt), bytes)) return false
  } catch {
    return false
  }
  return verifier.verify(signature, publicKey, withContext(SIGNATURE_CONTEXT.pinReceipt, bytes))
}

/**
 * Reads the signed bytes of a receipt that was stored or passed on; checks no signature.
 *
 * @throws {DeadDropError} `bytes-too-large` or `bytes-malformed`.
 */
export function decodePinReceipt(bytes: Uint8Array): PinReceipt {
  const map = readMap(decodeCanonical(bytes, MAX_PIN_MESSAGE_BYTES), 'pin receipt', [
    'node',
    'log',
    'heads',
    'entries',
    'bytes',
    'issuedAtMs',
    'heldUntilMs',
    'nonce'
  ])
  return {
    node: readText(map['node'], 'node', MAX_PEER_ID_CHARACTERS),
    log: readLogAddress(readText(map['log'], 'log address', ADDRESS_CHARACTERS)),
    heads: readHeads(map['heads']),
    entries: readInteger(map['entries'], 'entries', 0, Number.MAX_SAFE_INTEGER),
    bytes: readInteger(map['bytes'], 'bytes', 0, Number.MAX_SAFE_INTEGER),
    issuedAtMs: readInteger(map['issuedAtMs'], 'issue time', 0, Number.MAX_SAFE_INTEGER),
    heldUntilMs: readInteger(map['heldUntilMs'], 'end of promise', 0, Number.MAX_SAFE_INTEGER),
    nonce: bytesToHex(readBytes(map['nonce'], 'nonce', NONCE_BYTES))
  }
}

/** Frames an answer: `{ body, kind: 'held', sig, v: 1 }` or `{ kind: 'refuse', status, v: 1 }`. */
export function encodePinAnswer(answer: PinAnswer): Uint8Array {
  switch (answer.kind) {
    case 'held':
      return encodeCanonical({
        v: VERSION,
        kind: 'held',
        body: answer.receipt.bytes,
        sig: answer.receipt.signature
      })
    case 'refuse':
      return encodeCanonical({ v: VERSION, kind: 'refuse', status: answer.status })
  }
}

/**
 * Reads an answer; the receipt in it is not yet verified.
 *
 * @throws {DeadDropError} `bytes-too-large` over {@link MAX_PIN_MESSAGE_BYTES}, else `bytes-malformed`.
 */
export function decodePinAnswer(bytes: Uint8Array): PinAnswer {
  const map = readVersioned(bytes, 'pin answer', ['v', 'kind'], ['body', 'sig', 'status'])
  const kind = readText(map['kind'], 'kind of pin answer', MAX_WORD_CHARACTERS)
  switch (kind) {
    case 'held': {
      const held = readMap(map, 'pin answer', ['v', 'kind', 'body', 'sig'])
      const body = readBytes(held['body'], 'body of pin receipt', 0, MAX_PIN_MESSAGE_BYTES)
      const signature = readBytes(held['sig'], 'signature of pin receipt', SIGNATURE_BYTES)
      return { kind, receipt: { receipt: decodePinReceipt(body), bytes: body, signature } }
    }
    case 'refuse': {
      const refused = readMap(map, 'pin answer', ['v', 'kind', 'status'])
      return { kind, status: readRefusal(refused['status']) }
    }
    default:
      throw new DeadDropError('bytes-malformed', 'kind of pin answer is neither held nor refuse')
  }
}

function encodeRequestBody(request: PinRequest): Uint8Array {
  return encodeCanonical({
    name: hexToBytes(request.manifest.name),
    gate: hexToBytes(request.manifest.gatePublicKey),
    kind: request.kind,
    node: request.node,
    nonce: hexToBytes(request.nonce),
    holdForMs: request.holdForMs,
    heads: boundedHeads(request.heads),
    writer: hexToBytes(request.writer),
    cert: request.certificate
  })
}

function encodeReceiptBody(receipt: PinReceipt): Uint8Array {
  return encodeCanonical({
    node: receipt.node,
    log: receipt.log,
    heads: boundedHeads(receipt.heads),
    entries: receipt.entries,
    bytes: receipt.bytes,
    issuedAtMs: receipt.issuedAtMs,
    heldUntilMs: receipt.heldUntilMs,
    nonce: hexToBytes(receipt.nonce)
  })
}

function boundedHeads(heads: readonly EntryHash[]): readonly EntryHash[] {
  if (heads.length > MAX_PIN_HEADS) {
    throw new DeadDropError('bytes-malformed', `${heads.length} heads, allowed 0..${MAX_PIN_HEADS}`)
  }
  return heads
}

function readVersioned(
  bytes: Uint8Array,
  subject: string,
  keys: readonly string[],
  optional: readonly string[] = []
): { readonly [key: string]: CborValue } {
  const value = decodeCanonical(bytes, MAX_PIN_MESSAGE_BYTES)
  const map = readMap(value, subject, keys, optional)
  if (map['v'] !== VERSION) {
    throw new DeadDropError('bytes-malformed', `version of ${subject} is not ${VERSION}`)
  }
  return map
}

function readHeads(value: CborValue | undefined): EntryHash[] {
  return readList(value, 'heads', MAX_PIN_HEADS, (item, subject) =>
    readEntryHash(readText(item, subject, HASH_CHARACTERS))
  )
}

function readKind(value: CborValue | undefined): PinKind {
  if (value === 'conversation' || value === 'drop') return value
  throw new DeadDropError('bytes-malformed', 'kind of log is neither conversation nor drop')
}

function readRefusal(value: CborValue | undefined): PinRefusal {
  const status = PIN_REFUSALS.find((refusal) => refusal === value)
  if (status === undefined)
    throw new DeadDropError('bytes-malformed', 'status is not a known refusal')
  return status
}
