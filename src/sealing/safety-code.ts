import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js'
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
import { MAX_SAFETY_CODE_CHARACTERS } from '#protocol/limits.ts'

/** What one side of a conversation shows for the other to scan. Public: it holds both root keys and no secret. */
export interface SafetyCode {
  /** Root public key of who shows it, lower-case hex, 64 characters. */
  readonly ownUserId: string
  /** The root public key that their device has for the other person. */
  readonly contactUserId: string
}

/** What comparing a scanned code with the keys of a conversation says. */
export type SafetyComparison =
  /** Each side has the other's key: nobody stands between them. */
  | 'match'
  /** It is the code that this device itself shows. */
  | 'own-code'
  /** The code is of another conversation, or somebody stands between the two. */
  | 'mismatch'

/** In front of every code, so that no other QR code is taken for one. */
const PREFIX = 'deaddrop-safety:'
const VERSION = 1
const CHECKSUM_BYTES = 4

/**
 * Text of the QR code: `deaddrop-safety:` and in base64url without padding the canonical CBOR `[1, own root, contact's
 * root]`, followed by four bytes of its SHA-256: a code that lost a character is told apart from one of somebody else.
 */
export function encodeSafetyCode({ ownUserId, contactUserId }: SafetyCode): string {
  const body = encodeCanonical([VERSION, hexToBytes(ownUserId), hexToBytes(contactUserId)])
  return PREFIX + base64url.baseEncode(concatBytes(body, checksumOf(body)))
}

/**
 * Reads what was scanned or pasted. White space is ignored: mail programs break long lines.
 *
 * @throws {DeadDropError} `safety-code-malformed` for anything that is no whole code, `safety-code-unsupported-version` for
 *   a whole one of another version.
 */
export function readSafetyCode(text: string): SafetyCode {
  // Twice: room for the white space of a pasted text.
  if (text.length > 2 * MAX_SAFETY_CODE_CHARACTERS) throw malformed('too long')
  const compact = text.replace(/\s+/gu, '')
  if (compact.length > MAX_SAFETY_CODE_CHARACTERS) throw malformed('too long')
  if (!compact.startsWith(PREFIX)) throw malformed('of another kind')
  const body = decodePayload(compact.slice(PREFIX.length))
  try {
    return readBody(decodeCanonical(body, MAX_SAFETY_CODE_CHARACTERS))
  } catch (cause) {
    if (cause instanceof DeadDropError && cause.code === 'safety-code-unsupported-version')
      throw cause
    throw new DeadDropError(
      'safety-code-malformed',
      'safety code is not of the form that its version names',
      { cause }
    )
  }
}

/**
 * Compares what the other person's screen shows with what this device knows. Pure.
 *
 * @param known - the two keys of the conversation as this side has them.
 */
export function compareSafetyCode(known: SafetyCode, shown: SafetyCode): SafetyComparison {
  if (shown.ownUserId === known.contactUserId && shown.contactUserId === known.ownUserId)
    return 'match'
  return shown.ownUserId === known.ownUserId ? 'own-code' : 'mismatch'
}

function readBody(value: CborValue): SafetyCode {
  const fields: readonly CborValue[] = readList(value, 'safety code', 64, (item) => item)
  const version = readInteger(fields[0], 'version', 1, Number.MAX_SAFE_INTEGER)
  if (version !== VERSION) {
    throw new DeadDropError(
      'safety-code-unsupported-version',
      `safety code has version ${version}, known is ${VERSION}`
    )
  }
  if (fields.length !== 3) throw malformed('not three fields')
  return {
    ownUserId: bytesToHex(readBytes(fields[1], 'own root key', 32)),
    contactUserId: bytesToHex(readBytes(fields[2], 'root key of the contact', 32))
  }
}

/** @returns the body, its checksum checked. */
function decodePayload(payload: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = base64url.baseDecode(payload)
  } catch (cause) {
    throw new DeadDropError('safety-code-malformed', 'safety code is not base64url', { cause })
  }
  // Unused bits of the last character would be a second spelling of one code.
  if (base64url.baseEncode(bytes) !== payload) throw malformed('not canonical base64url')
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!equalBytes(checksumOf(body), bytes.subarray(-CHECKSUM_BYTES)))
    throw malformed('incomplete or mistyped')
  return body
}

function checksumOf(body: Uint8Array): Uint8Array {
  return sha256(body).subarray(0, CHECKSUM_BYTES)
}

function malformed(what: string): DeadDropError {
  return new DeadDropError('safety-code-malformed', `safety code is ${what}`)
}
