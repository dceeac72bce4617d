import { multiaddr } from '@multiformats/multiaddr'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js'
import { base64url } from 'multiformats/bases/base64'
import {
  decodeCanonical,
  encodeCanonical,
  equalBytes,
  readBytes,
  readInteger,
  readList,
  type CborValue
} from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_INVITE_CHARACTERS, MAX_INVITE_NODES } from '#protocol/limits.ts'

/** What an invite link says. It authenticates the inviter's root key; the safety number authenticates the link. */
export interface Invite {
  /** The link without what stands before it: base64url, no padding. */
  readonly payload: string
  /** Root public key of the inviter, lower-case hex, 64 characters. */
  readonly userId: string
  /** 16 bytes. Whoever knows it can read the bundle and write to the drop. */
  readonly secret: Uint8Array
  /** Unix ms, whole seconds. */
  readonly expiresAtMs: number
  /** Multiaddrs of nodes that hold the drop, at most `MAX_INVITE_NODES`. */
  readonly nodes: readonly string[]
  isExpired(nowMs: number): boolean
}

const VERSION = 1
const CHECKSUM_BYTES = 4
const MAX_NODE_BYTES = 256
const MAX_UNIX_SECONDS = 2 ** 40
const PATH = '/invite/'
/** A whole URL around the longest payload. */
const MAX_LINK_CHARACTERS = MAX_INVITE_CHARACTERS + 2_048

/**
 * Encodes `[1, root, secret, expiry in Unix seconds, nodes]` as canonical CBOR, followed by four bytes of its SHA-256: a
 * link that lost a character is told apart from one that somebody forged.
 *
 * @param init.expiresAtMs - rounded down to seconds.
 * @throws {DeadDropError} `node-address-malformed` for a node that is no multiaddr, or for too many or too long ones.
 */
export function encodeInvite(init: {
  readonly rootPublicKey: Uint8Array
  readonly secret: Uint8Array
  readonly expiresAtMs: number
  readonly nodes: readonly string[]
}): string {
  if (init.nodes.length > MAX_INVITE_NODES) {
    throw new DeadDropError(
      'node-address-malformed',
      `invite names ${init.nodes.length} nodes, allowed 0..${MAX_INVITE_NODES}`
    )
  }
  const body = encodeCanonical([
    VERSION,
    init.rootPublicKey,
    init.secret,
    Math.floor(init.expiresAtMs / 1_000),
    init.nodes.map(encodeNode)
  ])
  return base64url.baseEncode(concatBytes(body, checksumOf(body)))
}

/**
 * Reads an invite: the bare payload, or a whole link that ends in `/invite/<payload>`. White space is ignored: mail
 * programs break long lines. Does not look at the clock.
 *
 * @throws {DeadDropError} `invite-malformed` for a broken, truncated or mistyped link, `invite-unsupported-version` for a
 *   whole link of another version.
 */
export function readInvite(text: string): Invite {
  if (text.length > MAX_LINK_CHARACTERS) throw malformed('too long')
  const compact = text.replace(/\s+/gu, '')
  const start = compact.lastIndexOf(PATH)
  const payload = start === -1 ? compact : compact.slice(start + PATH.length)
  if (payload.length > MAX_INVITE_CHARACTERS) throw malformed('too long')
  const bytes = decodePayload(payload)
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!equalBytes(checksumOf(body), bytes.subarray(-CHECKSUM_BYTES)))
    throw malformed('incomplete or mistyped')
  try {
    return readBody(payload, decodeCanonical(body, MAX_INVITE_CHARACTERS))
  } catch (cause) {
    if (cause instanceof DeadDropError && cause.code === 'invite-unsupported-version') throw cause
    throw new DeadDropError(
      'invite-malformed',
      'invite is not of the form that its version names',
      { cause }
    )
  }
}

/**
 * The link to hand over. The payload stands in the fragment, which a browser never sends to the host.
 *
 * @param base - address of the web app, `https://host/` or `https://host/path/`.
 */
export function inviteLink(base: string, payload: string): string {
  const url = new URL(base)
  url.search = ''
  url.hash = `${PATH}${payload}`
  return url.href
}

function readBody(payload: string, value: CborValue): Invite {
  const fields: readonly CborValue[] = readList(value, 'invite', 64, (item) => item)
  const version = readInteger(fields[0], 'version', 1, Number.MAX_SAFE_INTEGER)
  if (version !== VERSION) {
    throw new DeadDropError(
      'invite-unsupported-version',
      `invite has version ${version}, known is ${VERSION}`
    )
  }
  if (fields.length !== 5) throw malformed('not five fields')
  const expiresAtMs = readInteger(fields[3], 'expiry', 0, MAX_UNIX_SECONDS) * 1_000
  return {
    payload,
    userId: bytesToHex(readBytes(fields[1], 'root key', 32)),
    secret: readBytes(fields[2], 'secret', 16),
    expiresAtMs,
    nodes: readList(fields[4], 'nodes', MAX_INVITE_NODES, decodeNode),
    isExpired: (nowMs) => nowMs >= expiresAtMs
  }
}

function encodeNode(text: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = multiaddr(text).bytes
  } catch (cause) {
    throw new DeadDropError('node-address-malformed', 'node address is not a multiaddr', { cause })
  }
  if (bytes.byteLength === 0 || bytes.byteLength > MAX_NODE_BYTES) {
    throw new DeadDropError(
      'node-address-malformed',
      `node address is ${bytes.byteLength} bytes, allowed 1..${MAX_NODE_BYTES}`
    )
  }
  return bytes
}

function decodeNode(value: CborValue, subject: string): string {
  const bytes = readBytes(value, subject, 1, MAX_NODE_BYTES)
  const text = multiaddr(bytes).toString()
  // A second encoding of one address, or bytes that only half parse, would not survive this.
  if (!equalBytes(multiaddr(text).bytes, bytes)) throw malformed('not a multiaddr')
  return text
}

function decodePayload(payload: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = base64url.baseDecode(payload)
  } catch (cause) {
    throw new DeadDropError('invite-malformed', 'invite is not base64url', { cause })
  }
  if (bytes.byteLength <= CHECKSUM_BYTES) throw malformed('too short')
  // Unused bits of the last character would be a second spelling of one invite.
  if (base64url.baseEncode(bytes) !== payload) throw malformed('not canonical base64url')
  return bytes
}

function checksumOf(body: Uint8Array): Uint8Array {
  return sha256(body).subarray(0, CHECKSUM_BYTES)
}

function malformed(what: string): DeadDropError {
  return new DeadDropError('invite-malformed', `invite is ${what}`)
}
