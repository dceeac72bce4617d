import { hexToBytes } from '@noble/hashes/utils.js'
import type { LogAddress, SealedBytes } from './brand.ts'
import { decodeCanonical, encodeCanonical, readBytes, readInteger, readText } from './cbor.ts'
import type { CborValue } from './cbor.ts'
import type { SignatureVerifier } from './ed25519.ts'
import { DeadDropError } from './errors.ts'
import { verifyGateCertificate, withContext } from './gate.ts'
import type { LogWriter } from './gate.ts'
import { MAX_LIVE_FRAME_BYTES } from './limits.ts'
import type { LogManifest } from './log-manifest.ts'
import { SIGNATURE_CONTEXT } from './protocol-ids.ts'

const VERSION = 1

/** What one writer says to whoever listens now. Never stored. */
export interface LiveFrameContent {
  /** Writer pseudonym, lower-case hex. */
  readonly writer: string
  /** The writer's clock, Unix ms. Grows with each frame of a writer, so that an old frame cannot be played again. */
  readonly timeMs: number
  readonly sealed: SealedBytes
}

/**
 * Encodes and signs a frame: `[version, address, writer, certificate, time, sealed, signature]`.
 *
 * @throws {DeadDropError} `bytes-too-large` over {@link MAX_LIVE_FRAME_BYTES}.
 */
export async function encodeLiveFrame(
  writer: LogWriter,
  address: LogAddress,
  content: Pick<LiveFrameContent, 'timeMs' | 'sealed'>
): Promise<Uint8Array> {
  const signed = [
    VERSION,
    address,
    writer.publicKey,
    writer.certificate,
    content.timeMs,
    content.sealed
  ]
  const signature = await writer.sign(signedMessage(signed))
  const bytes = encodeCanonical([...signed, signature])
  if (bytes.byteLength > MAX_LIVE_FRAME_BYTES) {
    throw new DeadDropError(
      'bytes-too-large',
      `live frame is ${String(bytes.byteLength)} bytes, allowed 1..${String(MAX_LIVE_FRAME_BYTES)}`
    )
  }
  return bytes
}

/**
 * Reads a frame from a peer: size, shape, log, certificate and signature.
 *
 * @returns `undefined` for anything that an admitted writer of this log did not sign. Never throws.
 */
export async function readLiveFrame(
  verifier: SignatureVerifier,
  manifest: LogManifest,
  address: LogAddress,
  bytes: Uint8Array
): Promise<LiveFrameContent | undefined> {
  const frame = decodeFrame(bytes)
  if (frame === undefined || frame.address !== address) return undefined
  if (!(await verifyGateCertificate(verifier, manifest, address, frame.writer, frame.certificate)))
    return undefined
  const isSigned = await verifier.verify(
    frame.signature,
    hexToBytes(frame.writer),
    signedMessage(frame.signed)
  )
  return isSigned ? { writer: frame.writer, timeMs: frame.timeMs, sealed: frame.sealed } : undefined
}

interface DecodedFrame extends LiveFrameContent {
  readonly address: string
  readonly certificate: string
  readonly signature: Uint8Array
  readonly signed: readonly CborValue[]
}

function decodeFrame(bytes: Uint8Array): DecodedFrame | undefined {
  try {
    const value = decodeCanonical(bytes, MAX_LIVE_FRAME_BYTES)
    if (!Array.isArray(value) || value.length !== 7 || value[0] !== VERSION) return undefined
    const items = value as readonly CborValue[]
    return {
      address: readText(items[1], 'log address', 128),
      writer: readText(items[2], 'writer', 64),
      certificate: readText(items[3], 'certificate', 128),
      timeMs: readInteger(items[4], 'time', 0, Number.MAX_SAFE_INTEGER),
      sealed: readBytes(items[5], 'sealed', 1, MAX_LIVE_FRAME_BYTES) as SealedBytes, // sealed by contract of `sendLive`
      signature: readBytes(items[6], 'signature', 64),
      signed: items.slice(0, 6)
    }
  } catch {
    return undefined
  }
}

function signedMessage(fields: readonly CborValue[]): Uint8Array {
  return withContext(SIGNATURE_CONTEXT.liveFrame, encodeCanonical(fields))
}
