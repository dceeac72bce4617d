import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'

/** Remembers which requests were answered, so that none is answered twice. */
export interface NonceMemory {
  /**
   * Takes a nonce, once.
   *
   * @param writer - public key whose signature covers the nonce, lower-case hex.
   * @param nonce - lower-case hex.
   * @returns what to write together with the effect of the request, or `undefined` for a replay.
   */
  claim(writer: string, nonce: string, nowMs: number): readonly KeyValueWrite[] | undefined
}

/**
 * The newest of these are remembered, also across restarts. To push one out, somebody has to send as many signed
 * requests; a replay after that renews a promise that its writer once asked for, and does nothing else.
 */
export const MAX_NONCES = 65_536

const PREFIX = 'pin/nonce/'
const TIME_DIGITS = 16

/** @param init.maxNonces - @default {@link MAX_NONCES} */
export async function openNonceMemory(
  store: KeyValueStore,
  init: { readonly maxNonces?: number } = {}
): Promise<NonceMemory> {
  const maxNonces = init.maxNonces ?? MAX_NONCES
  /** Key of the record by what it remembers, oldest first. */
  const taken = new Map<string, string>()
  for await (const [key] of store.entries({ from: PREFIX, to: `${PREFIX.slice(0, -1)}0` })) {
    taken.set(key.slice(PREFIX.length + TIME_DIGITS + 1), key)
  }
  return {
    claim(writer, nonce, nowMs) {
      const name = nameOf(writer, nonce)
      if (taken.has(name)) return undefined
      const key = `${PREFIX}${String(nowMs).padStart(TIME_DIGITS, '0')}/${name}`
      taken.set(name, key)
      const writes: KeyValueWrite[] = [{ key, value: new Uint8Array(0) }]
      for (const [oldest, oldestKey] of taken) {
        if (taken.size <= maxNonces) break
        taken.delete(oldest)
        writes.push({ key: oldestKey, value: null })
      }
      return writes
    }
  }
}

/** Hashed: a nonce outlives its log, and who wrote to a log that is gone is nobody's business. */
function nameOf(writer: string, nonce: string): string {
  return bytesToHex(sha256(utf8ToBytes(`${writer}/${nonce}`)).subarray(0, 16))
}
