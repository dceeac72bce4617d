import { beforeAll, describe, expect, it } from 'vitest'
import type { CiphersuiteImpl, GenerationSecret } from 'ts-mls'
import { ratchetToGeneration } from 'ts-mls/secretTree.js'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { MAX_SEGMENT_ENTRIES } from '#protocol/limits.ts'
import type { ReuseGuard } from 'ts-mls/sender.js'
import {
  advanceRatchet,
  MAX_SKIPPED_MESSAGES,
  type RatchetStep
} from '#sealing/mls/receive-ratchet.ts'
import { decodeSkipped, encodeSkipped } from '#sealing/mls/skipped-keys.ts'
import { createSuite } from '#sealing/mls/suite.ts'
import { sealingComponents } from '#tests/support/sealing-world.ts'

const { random } = sealingComponents()
let suite: CiphersuiteImpl

beforeAll(async () => {
  suite = await createSuite({ random, verifier: createSignatureVerifier() })
})

function fresh(): GenerationSecret {
  return { secret: new Uint8Array(64).fill(5), generation: 0, unusedGenerations: {} }
}

async function step(
  ratchet: GenerationSecret,
  skipped: ReadonlyMap<number, Uint8Array>,
  generation: number
): Promise<RatchetStep> {
  const taken = await advanceRatchet(suite, ratchet, skipped, generation)
  if (typeof taken === 'string') throw new Error(taken)
  return taken
}

describe('receive ratchet', { timeout: 60_000 }, () => {
  it('derives the same keys as the MLS library', async () => {
    for (const generation of [0, 1, 7]) {
      const own = await step(fresh(), new Map(), generation)
      const node = { application: fresh(), handshake: fresh() }
      const theirs = await ratchetToGeneration(
        [node],
        { leafIndex: 0, generation, reuseGuard: new Uint8Array(4) as ReuseGuard }, // four bytes are one
        'application',
        { retainKeysForGenerations: 10, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 10 },
        suite
      )
      expect(own.key).toEqual(theirs.key)
      expect(own.nonce).toEqual(theirs.nonce)
      expect(own.ratchet.secret).toEqual(theirs.newTree[0]?.application.secret)
    }
  })

  it('gives the key of an overtaken message once', async () => {
    const direct = await step(fresh(), new Map(), 2)
    const ahead = await step(fresh(), new Map(), 4)
    const back = await step(ahead.ratchet, ahead.skipped, 2)
    expect(back.key).toEqual(direct.key)
    expect(back.nonce).toEqual(direct.nonce)
    await expect(advanceRatchet(suite, back.ratchet, back.skipped, 2)).resolves.toBe('used')
    await expect(advanceRatchet(suite, back.ratchet, back.skipped, 4)).resolves.toBe('used')
  })

  it('keeps the keys of 5,000 overtaken messages and no more, giving up the oldest', async () => {
    await expect(advanceRatchet(suite, fresh(), new Map(), MAX_SKIPPED_MESSAGES + 1)).resolves.toBe(
      'far'
    )
    const far = await step(fresh(), new Map(), MAX_SKIPPED_MESSAGES)
    expect(far.skipped.size).toBe(MAX_SKIPPED_MESSAGES)
    const further = await step(far.ratchet, far.skipped, MAX_SKIPPED_MESSAGES + 3)
    expect(further.skipped.size).toBe(MAX_SKIPPED_MESSAGES)
    await expect(advanceRatchet(suite, further.ratchet, further.skipped, 0)).resolves.toBe('used')
    expect(await advanceRatchet(suite, further.ratchet, further.skipped, 2)).not.toBe('used')
  })

  it('gives no key up for a message that came early', async () => {
    const far = await step(fresh(), new Map(), MAX_SKIPPED_MESSAGES - 2)
    const early = (generation: number): ReturnType<typeof advanceRatchet> =>
      advanceRatchet(suite, far.ratchet, far.skipped, generation, { isEarly: true })
    const { generation } = far.ratchet
    expect(await early(generation + 2)).toMatchObject({ ratchet: { generation: generation + 3 } })
    expect(await early(generation + 3)).toBe('far')
    expect(await early(0)).not.toBe('used')
  })

  it('can pass all that one sender puts into a segment, so that a lost one closes no other', () => {
    expect(MAX_SEGMENT_ENTRIES).toBeLessThanOrEqual(MAX_SKIPPED_MESSAGES)
  })

  it('erases what a step used up, and nothing that is still needed', async () => {
    const start = fresh()
    const ahead = await step(start, new Map(), 3)
    const kept = [...ahead.skipped.values()].map((key) => key.slice())
    const next = ahead.ratchet.secret.slice()
    ahead.forget()
    expect(start.secret).toEqual(new Uint8Array(64))
    expect(ahead.key).toEqual(new Uint8Array(32))
    expect([...ahead.skipped.values()]).toEqual(kept)
    expect(ahead.ratchet.secret).toEqual(next)
  })

  it('stores the keys of overtaken messages in order', async () => {
    const { skipped } = await step(fresh(), new Map(), 5)
    const all = new Map([[3, skipped]])
    expect(decodeSkipped(encodeSkipped(all))).toEqual(all)
    expect(() => decodeSkipped(encodeSkipped(all).subarray(1))).toThrow(
      expect.objectContaining({ code: 'bytes-malformed' })
    )
  })
})
