import { zeroOutUint8Array, type CiphersuiteImpl, type GenerationSecret } from 'ts-mls'
import { deriveTreeSecret } from 'ts-mls/crypto/kdf.js'
import { deriveKey, deriveNonce } from 'ts-mls/secretTree.js'

/**
 * How far ahead of the newest opened message of a sender another one may be, and how many keys of messages that were
 * skipped are kept per sender. One bound for both: a key that was passed is never thrown away before its message had the
 * room of 5,000 others to arrive.
 */
export const MAX_SKIPPED_MESSAGES = 5_000

/** Key (32 bytes) and nonce (12 bytes) of one message that has not arrived yet, by generation. */
export type SkippedKeys = ReadonlyMap<number, Uint8Array>

export interface RatchetStep {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  /** State after this message. */
  readonly ratchet: GenerationSecret
  readonly skipped: SkippedKeys
  /** Erases what this step used up. To be called when the message proved genuine, and the old state is given up. */
  forget(): void
}

/**
 * Finds the key of one message of one sender. The library's own bookkeeping would keep the *chain* secret of each skipped
 * message in the state, and with it the key of every later one; here only key and nonce of a skipped message are kept, and
 * a chain secret dies when its children are derived, as RFC 9420 section 9.2 demands.
 *
 * @param options.isEarly - messages that were passed may still come: no key is given up for this one. @default false
 * @returns the step to take, or why there is none: `used` (opened before, or given up), `far` (try again when earlier
 *   messages were opened).
 */
export async function advanceRatchet(
  suite: CiphersuiteImpl,
  ratchet: GenerationSecret,
  skipped: SkippedKeys,
  generation: number,
  { isEarly = false }: { readonly isEarly?: boolean } = {}
): Promise<RatchetStep | 'used' | 'far'> {
  if (generation < ratchet.generation) return takeSkipped(suite, ratchet, skipped, generation)
  const passes = generation - ratchet.generation
  if (passes + (isEarly ? skipped.size : 0) > MAX_SKIPPED_MESSAGES) return 'far'

  const after = new Map(skipped)
  const chain = [ratchet.secret]
  let secret = ratchet.secret
  for (let passed = ratchet.generation; passed < generation; passed++) {
    const [key, nonce, next] = await deriveStep(suite, secret, passed)
    after.set(passed, joinKey(key, nonce))
    zeroOutUint8Array(key)
    secret = next
    chain.push(secret)
  }
  const evicted: Uint8Array[] = []
  for (const [oldest, joined] of after) {
    if (after.size <= MAX_SKIPPED_MESSAGES) break
    after.delete(oldest)
    evicted.push(joined)
  }
  const [key, nonce, next] = await deriveStep(suite, secret, generation)
  return {
    key,
    nonce,
    ratchet: { secret: next, generation: generation + 1, unusedGenerations: {} },
    skipped: after,
    forget() {
      for (const used of [...chain, ...evicted, key]) zeroOutUint8Array(used)
    }
  }
}

function takeSkipped(
  suite: CiphersuiteImpl,
  ratchet: GenerationSecret,
  skipped: SkippedKeys,
  generation: number
): RatchetStep | 'used' {
  const joined = skipped.get(generation)
  if (joined === undefined) return 'used'
  const after = new Map(skipped)
  after.delete(generation)
  return {
    key: joined.slice(0, suite.hpke.keyLength),
    nonce: joined.slice(suite.hpke.keyLength),
    ratchet,
    skipped: after,
    forget() {
      zeroOutUint8Array(joined)
    }
  }
}

async function deriveStep(
  suite: CiphersuiteImpl,
  secret: Uint8Array,
  generation: number
): Promise<[key: Uint8Array, nonce: Uint8Array, next: Uint8Array]> {
  return Promise.all([
    deriveKey(secret, generation, suite),
    deriveNonce(secret, generation, suite),
    deriveTreeSecret(secret, 'secret', generation, suite.kdf.size, suite.kdf)
  ])
}

function joinKey(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const joined = new Uint8Array(key.byteLength + nonce.byteLength)
  joined.set(key)
  joined.set(nonce, key.byteLength)
  return joined
}
