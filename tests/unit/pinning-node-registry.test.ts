import { describe, expect, it } from 'vitest'
import { openNonceMemory } from '#pinning-node/nonce-memory.ts'
import type { PinnedLog } from '#pinning-node/registry.ts'
import { openRegistry } from '#pinning-node/registry.ts'
import { encodeCanonical } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { gatedLog } from '#tests/support/pin-fixtures.ts'

function recordOf(n: number, change: Partial<PinnedLog> = {}): PinnedLog {
  const { manifest, address } = gatedLog(n)
  return {
    address,
    manifest,
    kind: 'conversation',
    createdAtMs: 1,
    lastRequestAtMs: 2,
    heldUntilMs: 3,
    ...change
  }
}
const now = { isDurable: false }

describe('registry', () => {
  it('finds its records again', async () => {
    const store = createMemoryStore()
    const before = await openRegistry(store)
    await before.put(recordOf(1), [], now)
    await before.put(recordOf(2, { kind: 'drop' }), [], now)
    await before.put(recordOf(1, { heldUntilMs: 9 }), [], now)
    await before.put(recordOf(3), [], now)
    await before.remove(recordOf(3).address)

    const after = await openRegistry(store)
    expect(after.size()).toBe(2)
    expect(after.get(recordOf(1).address)).toEqual(recordOf(1, { heldUntilMs: 9 }))
    expect(after.get(recordOf(2).address)).toEqual(recordOf(2, { kind: 'drop' }))
  })

  it('keeps the old record when writing the new one fails', async () => {
    const store = createMemoryStore()
    const registry = await openRegistry(store)
    await registry.put(recordOf(1), [], now)
    const full = await openRegistry({
      ...store,
      write: () => Promise.reject(new DeadDropError('storage-full', 'no space left'))
    })
    await expect(full.put(recordOf(1, { heldUntilMs: 9 }), [], now)).rejects.toThrow('no space')
    await expect(full.put(recordOf(2), [], now)).rejects.toThrow('no space')
    expect(full.all()).toEqual([recordOf(1)])
  })

  it.each([
    ['storage-corrupt', Uint8Array.of(1, 2, 3)],
    ['storage-corrupt', encodeCanonical({ v: 1 })],
    ['data-newer', encodeCanonical({ v: 2, later: true })]
  ])('refuses to open with %s', async (code, value) => {
    const store = createMemoryStore()
    await store.write([{ key: 'pin/log/x', value }])
    await expect(openRegistry(store)).rejects.toMatchObject({ code })
  })
})

describe('nonce memory', () => {
  it('gives a nonce once to each writer', async () => {
    const nonces = await openNonceMemory(createMemoryStore())
    expect(nonces.claim('alice', '01', 1)).toBeDefined()
    expect(nonces.claim('alice', '01', 2)).toBeUndefined()
    expect(nonces.claim('bob', '01', 2)).toBeDefined()
  })

  it('remembers across a restart what was written', async () => {
    const store = createMemoryStore()
    const before = await openNonceMemory(store)
    await store.write(before.claim('alice', '01', 1) ?? [])
    const after = await openNonceMemory(store)
    expect(after.claim('alice', '01', 2)).toBeUndefined()
  })

  it('is bounded, in memory and on disk, and forgets the oldest first', async () => {
    const store = createMemoryStore()
    const nonces = await openNonceMemory(store, { maxNonces: 2 })
    for (const [at, nonce] of [
      [9, '01'],
      [10, '02'],
      [11, '03']
    ] as const) {
      await store.write(nonces.claim('alice', nonce, at) ?? [])
    }
    const keys: string[] = []
    for await (const [key] of store.entries({ from: 'pin/', to: 'pin0' })) keys.push(key)
    expect(keys.map((key) => key.slice(0, 26))).toEqual([
      'pin/nonce/0000000000000010',
      'pin/nonce/0000000000000011'
    ])
    expect(keys.join()).not.toContain('alice')
    expect(nonces.claim('alice', '02', 12)).toBeUndefined()
    expect(nonces.claim('alice', '01', 12)).toBeDefined()
  })
})
