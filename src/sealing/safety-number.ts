import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'

/** Rounds of the hash: about 30 ms, and 12 bits more work for whoever looks for a key with a similar number. */
const ROUNDS = 5_200
/** Five bytes give five digits. */
const GROUPS = 6

/**
 * The number that two people compare to know that nobody stands between them: 60 digits, the same on both sides. Depends
 * on the root keys only; new devices do not change it.
 *
 * Per user: `h = "dd/fp" | root`, then 5,200 times `h = SHA-512(h | root)`; six times five bytes, big-endian, modulo
 * 100,000. The two halves stand in ascending order.
 *
 * @param userIds - root public keys, lower-case hex, 64 characters.
 * @see https://signal.org/docs/specifications/ (the numeric fingerprint format of libsignal, which this follows)
 */
export function safetyNumber(...userIds: readonly [string, string]): string {
  return userIds.map(halfOf).sort().join('')
}

function halfOf(userId: string): string {
  const root = hexToBytes(userId)
  let hash: Uint8Array = concatBytes(utf8ToBytes('dd/fp'), root)
  for (let round = 0; round < ROUNDS; round++) hash = sha512(concatBytes(hash, root))
  const view = new DataView(hash.buffer, hash.byteOffset)
  let digits = ''
  for (let group = 0; group < GROUPS; group++) {
    const number = view.getUint8(group * 5) * 2 ** 32 + view.getUint32(group * 5 + 1)
    digits += String(number % 100_000).padStart(5, '0')
  }
  return digits
}
