import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

/** HKDF-SHA-256 (RFC 5869) without salt; one label per purpose. @param length - bytes, 1..8160. */
export function deriveBytes(secret: Uint8Array, label: string, length: number): Uint8Array {
  return hkdf(sha256, secret, undefined, utf8ToBytes(label), length)
}
