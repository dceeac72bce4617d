import { describe, expect, it } from 'vitest'
import type { NamedContact } from '#client/namesakes.ts'
import { groupByName, nameKey, namesakesIn } from '#client/namesakes.ts'
import { createVerifications } from '#client/verifications.ts'
import { createHistory } from '#history/create-history.ts'
import type { History } from '#history/history.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { createVault, importVaultKey } from '#sealing/vault.ts'
import { createCrookedClock } from '#tests/support/client-world.ts'
import { sealingComponents } from '#tests/support/sealing-world.ts'

const bob = 'b0'.repeat(32)
const eve = 'e5'.repeat(32)
const clock = createCrookedClock({})

async function openHistory(store: KeyValueStore): Promise<History> {
  const key = await importVaultKey(new Uint8Array(32).fill(7))
  return createHistory({ store, vault: createVault({ key, random: sealingComponents().random }) })
}

describe('who is verified', () => {
  it('survives a restart, holds for the key in every conversation, and for no other key', async () => {
    const store = createMemoryStore()
    const before = await createVerifications({ history: await openHistory(store), clock })
    expect(before.of(bob)).toBeNull()
    await before.verify('c1', bob, 'code')
    expect(before.of(bob)).toMatchObject({ by: 'code' })

    const after = await createVerifications({ history: await openHistory(store), clock })
    expect(after.of(bob)).toEqual(before.of(bob))
    expect(after.of(eve)).toBeNull()
  })

  it('is forgotten for the key as a whole, for good', async () => {
    const store = createMemoryStore()
    const before = await createVerifications({ history: await openHistory(store), clock })
    await before.verify('c1', bob, 'code')
    await before.verify('c2', bob, 'comparison')
    await before.verify('c3', eve, 'comparison')
    await before.revoke(bob)
    const after = await createVerifications({ history: await openHistory(store), clock })
    for (const verifications of [before, after]) {
      expect(verifications.of(bob)).toBeNull()
      expect(verifications.of(eve)).toMatchObject({ by: 'comparison' })
    }
  })

  it('cannot be read or forged in the store', async () => {
    const store = createMemoryStore()
    const verifications = await createVerifications({ history: await openHistory(store), clock })
    await verifications.verify('c1', bob, 'code')
    let isFound = false
    for await (const [key, value] of store.entries({ from: '', to: '\uffff' })) {
      const text = new TextDecoder('latin1').decode(value)
      expect(key + text).not.toMatch(/b0b0|comparison|verifiedAtMs/)
      if (!key.includes('verification')) continue
      isFound = true
      const altered = Uint8Array.from(value)
      altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
      await store.write([{ key, value: altered }])
    }
    expect(isFound).toBe(true)
    const after = await createVerifications({ history: await openHistory(store), clock })
    expect(after.of(bob)).toBeNull()
  })
})

describe('namesakes', () => {
  const contact = (conversation: string, userId: string, name: string): NamedContact => ({
    conversation,
    userId,
    name,
    isVerified: conversation === 'verified'
  })

  it('are those whose names read the same under another key', () => {
    const contacts = [
      contact('verified', bob, 'Bob'),
      contact('again', bob, 'Bob'),
      contact('other', 'c4'.repeat(32), 'Bobby')
    ]
    const byName = groupByName(contacts)
    expect(namesakesIn(byName, { userId: eve, name: 'bób' })).toEqual([
      { conversation: 'verified', isVerified: true },
      { conversation: 'again', isVerified: false }
    ])
    expect(namesakesIn(byName, { userId: bob, name: 'Bob' })).toEqual([])
    expect(namesakesIn(byName, { userId: eve, name: 'Carol' })).toEqual([])
  })

  it('are found despite case, accents, width, spaces and punctuation', () => {
    for (const name of ['zoé', 'ZOE', 'Z.o.e', ' Zoe\u200D', 'Ｚｏｅ'])
      expect(nameKey(name)).toBe(nameKey('Zoé'))
    expect(nameKey('Zoë B')).not.toBe(nameKey('Zoë'))
    expect(nameKey('🦊')).not.toBe(nameKey('🐻'))
    expect(nameKey('—')).not.toBe(nameKey('…!'))
  })
})
