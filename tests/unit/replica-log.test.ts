import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { EntryHash } from '#protocol/brand.ts'
import { MAX_ENTRY_NEXT, MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { manifestHashOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { createLogKeys } from '#replica/orbitdb/log-keys.ts'
import { forgetLog, storedLogs } from '#replica/orbitdb/log-state.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { arrivalKey, entryKey } from '#replica/orbitdb/entry-rows.ts'
import { readBlock } from '#replica/orbitdb/log-store.ts'
import type { LogEntry } from '#replica/orbitdb/entry-rules.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import type { SealedEntry } from '#replica/sealed-log.ts'
import { createFaultyStore } from '#tests/support/replica-faulty-store.ts'
import { forgeEntry } from '#tests/support/replica-forge.ts'
import { createTestGate, openText, sealText } from '#tests/support/replica-gate.ts'

async function openLog(
  manifest: LogManifest,
  writer?: LogWriter,
  store: KeyValueStore = createMemoryStore()
): Promise<OrbitLog> {
  const log = await openOrbitLog(
    {
      store,
      verifier: createSignatureVerifier(),
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    manifest
  )
  if (writer !== undefined) log.grant({ writer })
  return log
}

async function texts(log: OrbitLog): Promise<string[]> {
  const found: string[] = []
  for await (const { sealed } of log.entries()) found.push(openText(sealed))
  return found
}

async function everything(log: OrbitLog): Promise<LogEntry[]> {
  const found: LogEntry[] = []
  for await (const page of log.missingFrom([])) found.push(...page.map(readBlock))
  return found
}

async function give(log: OrbitLog, entries: readonly LogEntry[]): Promise<void> {
  const judged = await Promise.all(entries.map(({ bytes }) => log.judge(bytes)))
  await log.ingest(
    judged.flatMap((judgement) => (judgement.kind === 'valid' ? [judgement.entry] : []))
  )
}

it('an appended entry is on disk, announced once, and there after a restart', async () => {
  const gate = createTestGate()
  const store = createMemoryStore()
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  const announced: SealedEntry[] = []
  log.addEventListener('entries', (event) => announced.push(...event.detail))
  for (const text of ['one', 'two', 'three']) await log.append(sealText(text))
  expect(announced.map(({ sealed, arrival, time }) => [openText(sealed), arrival, time])).toEqual([
    ['one', 1, 1],
    ['two', 2, 2],
    ['three', 3, 3]
  ])
  const again = await openLog(gate.manifest, gate.admitWriter(), store)
  expect(await texts(again)).toEqual(['one', 'two', 'three'])
  expect(await again.heads()).toEqual(await log.heads())
  expect(again.size()).toEqual(log.size())
  expect((await again.append(sealText('four'))).arrival).toBe(4)
})

it('entries in any order give the same heads and no gap', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  const bob = await openLog(gate.manifest, gate.admitWriter())
  for (let round = 0; round < 5; round++) {
    await alice.append(sealText(`a${round}`))
    await bob.append(sealText(`b${round}`))
  }
  await give(alice, await everything(bob))
  await alice.append(sealText('merge'))
  const all = await everything(alice)
  expect(all).toHaveLength(11)
  const carol = await openLog(gate.manifest)
  for (const entry of all.reverse()) await give(carol, [entry, entry])
  expect(await carol.heads()).toEqual(await alice.heads())
  expect(carol.size()).toEqual(alice.size())
  const hashesOf = async (log: OrbitLog): Promise<readonly EntryHash[]> =>
    (await everything(log)).map(({ hash }) => hash).sort()
  expect(await hashesOf(carol)).toEqual(await hashesOf(alice))
})

it('an append that the disk refuses stores nothing, says why, and the next one goes on', async () => {
  const gate = createTestGate()
  const store = createFaultyStore(createMemoryStore())
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  await log.append(sealText('kept'))
  for (const code of ['storage-full', 'storage-denied'] as const) {
    store.fault = code
    await expect(log.append(sealText('lost'))).rejects.toMatchObject({ code })
  }
  store.fault = undefined
  await log.append(sealText('next'))
  expect(await texts(log)).toEqual(['kept', 'next'])
  expect(await texts(await openLog(gate.manifest, undefined, store))).toEqual(['kept', 'next'])
})

it('entries from a peer that the disk refuses are not in the log, and may be given again', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  for (const text of ['one', 'two', 'three']) await alice.append(sealText(text))
  const entries = await everything(alice)
  const store = createFaultyStore(createMemoryStore())
  const bob = await openLog(gate.manifest, undefined, store)
  store.fault = 'storage-full'
  await expect(give(bob, entries)).rejects.toMatchObject({ code: 'storage-full' })
  expect(bob.size()).toEqual({ entries: 0, bytes: 0 })
  expect(await bob.heads()).toEqual([])
  store.fault = undefined
  await give(bob, entries)
  expect(await texts(bob)).toEqual(['one', 'two', 'three'])
})

it('a write that was done although it failed leaves log and disk agreeing', async () => {
  const gate = createTestGate()
  const store = createFaultyStore(createMemoryStore())
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  await log.append(sealText('one'))
  store.fault = 'lost-answer'
  await expect(log.append(sealText('two'))).rejects.toMatchObject({ code: 'storage-denied' })
  store.fault = undefined
  await log.append(sealText('three'))
  expect(await texts(log)).toEqual(['one', 'two', 'three'])
  expect(await texts(await openLog(gate.manifest, undefined, store))).toEqual([
    'one',
    'two',
    'three'
  ])
})

it('an entry is one atomic write', async () => {
  const gate = createTestGate()
  const store = createFaultyStore(createMemoryStore())
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  await log.append(sealText('one'))
  expect(store.writes).toBe(1)
})

it.each([
  ['state', 'log-state/'],
  ['places', 'entry/']
])('a log whose %s is lost is rebuilt from its entries', async (_, prefix) => {
  const gate = createTestGate()
  const store = createMemoryStore()
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  for (const text of ['one', 'two', 'three']) await log.append(sealText(text))
  const before = { heads: await log.heads(), size: log.size(), texts: await texts(log) }
  const lost: string[] = []
  for await (const [key] of store.entries({ from: prefix, to: `${prefix}~` })) lost.push(key)
  expect(lost.length).toBeGreaterThan(0)
  await store.write(lost.map((key) => ({ key, value: null })))
  const again = await openLog(gate.manifest, gate.admitWriter(), store)
  expect({ heads: await again.heads(), size: again.size(), texts: await texts(again) }).toEqual(
    before
  )
  await again.append(sealText('four'))
  expect(await texts(again)).toEqual(['one', 'two', 'three', 'four'])
})

it('forgetting a log leaves nothing of it on disk, also when its places were lost', async () => {
  const gate = createTestGate()
  const store = createMemoryStore()
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  const hashes: EntryHash[] = []
  for (let count = 0; count < 300; count++)
    hashes.push((await log.append(sealText(String(count)))).hash)
  const other = createTestGate()
  await (await openLog(other.manifest, other.admitWriter(), store)).append(sealText('other'))
  await store.write(hashes.slice(0, 100).map((hash) => ({ key: entryKey(hash), value: null })))
  await forgetLog(store, createLogKeys(gate.address))
  const left: string[] = []
  for await (const [key] of store.entries({ from: '', to: '~' })) left.push(key)
  expect(left).toHaveLength(4)
  const again = await openLog(other.manifest, undefined, store)
  expect(await texts(again)).toEqual(['other'])
})

it('all logs of a store are listed by their states, open or not', async () => {
  const store = createMemoryStore()
  const expected: unknown[] = []
  for (let count = 1; count <= 3; count++) {
    const gate = createTestGate()
    const log = await openLog(gate.manifest, gate.admitWriter(), store)
    for (let entry = 0; entry < count; entry++) await log.append(sealText('x'.repeat(count)))
    expected.push({ address: log.address, size: log.size(), heads: await log.heads() })
    await log.close()
  }
  const listed: unknown[] = []
  for await (const log of storedLogs(store)) listed.push(log)
  expect(listed).toHaveLength(3)
  expect(listed).toEqual(expect.arrayContaining(expected))
})

it('a burst of appends is stored in few writes, in the order of the calls', async () => {
  const gate = createTestGate()
  const store = createFaultyStore(createMemoryStore())
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  const wanted = Array.from({ length: 200 }, (_, count) => String(count))
  const appended = await Promise.all(wanted.map((text) => log.append(sealText(text))))
  expect(await texts(log)).toEqual(wanted)
  expect(appended.map(({ arrival }) => arrival)).toEqual(wanted.map((_, at) => at + 1))
  expect(store.writes).toBeLessThan(10)
  expect(await log.heads()).toHaveLength(1)
})

it('a log that lost the bytes of an entry says storage-corrupt', async () => {
  const gate = createTestGate()
  const store = createMemoryStore()
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  await log.append(sealText('one'))
  await log.append(sealText('two'))
  const row = arrivalKey(manifestHashOf(gate.address), 1)
  await store.write([{ key: row, value: null }])
  await expect(openLog(gate.manifest, undefined, store)).rejects.toMatchObject({
    code: 'storage-corrupt'
  })
})

it('refuses an envelope that is empty or too large, and append without a writer', async () => {
  const gate = createTestGate()
  const log = await openLog(gate.manifest, gate.admitWriter())
  for (const length of [0, MAX_SEALED_BYTES + 1]) {
    await expect(log.append(sealText('x'.repeat(length)))).rejects.toMatchObject({
      code: 'bytes-too-large'
    })
  }
  await log.append(sealText('x'.repeat(MAX_SEALED_BYTES)))
  const reader = await openLog(gate.manifest)
  await expect(reader.append(sealText('x'))).rejects.toMatchObject({ code: 'internal' })
  await reader.close()
  await reader.close()
  await expect(reader.append(sealText('x'))).rejects.toMatchObject({ code: 'stopped' })
})

it('appends and entries from peers may interleave freely', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  const bob = await openLog(gate.manifest, gate.admitWriter())
  for (let count = 0; count < 20; count++) await bob.append(sealText(`b${String(count)}`))
  const entries = await everything(bob)
  await Promise.all([
    ...entries.map((entry) => give(alice, [entry])),
    ...Array.from({ length: 20 }, (_, count) => alice.append(sealText(`a${String(count)}`)))
  ])
  expect(alice.size().entries).toBe(40)
  const reached = new Set<string>(await alice.heads())
  for (const { next } of (await everything(alice)).reverse())
    for (const hash of next) reached.add(hash)
  expect(reached.size).toBe(40)
})

it('more heads than one entry may name are merged by the next entries', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  const branches = await Promise.all(
    Array.from({ length: MAX_ENTRY_NEXT * 2 + 10 }, (_, count) =>
      forgeEntry(gate.address, gate.admitWriter(), {
        payload: { op: 'ADD', key: null, value: sealText(`branch ${String(count)}`) }
      })
    )
  )
  const judged = await Promise.all(branches.map((bytes) => alice.judge(bytes)))
  await alice.ingest(judged.flatMap((one) => (one.kind === 'valid' ? [one.entry] : [])))
  expect(await alice.heads()).toHaveLength(MAX_ENTRY_NEXT * 2 + 10)
  await alice.append(sealText('x'.repeat(MAX_SEALED_BYTES)))
  expect(await alice.heads()).toHaveLength(MAX_ENTRY_NEXT + 11)
  await alice.append(sealText('second'))
  await alice.append(sealText('third'))
  expect(await alice.heads()).toHaveLength(1)
  const bob = await openLog(gate.manifest)
  await give(bob, await everything(alice))
  expect(await bob.heads()).toEqual(await alice.heads())
})

it('an entry that skips ahead of its ancestors in time is refused, and so is what builds on it', async () => {
  const gate = createTestGate()
  const log = await openLog(gate.manifest, gate.admitWriter())
  const eve = gate.admitWriter()
  const refusals: Readonly<Record<string, number>>[] = []
  log.addEventListener('refused', ({ detail }) => refusals.push(detail))
  const { hash } = await log.append(sealText('honest'))
  const skip = await forgeEntry(gate.address, eve, {
    next: [hash],
    clock: { id: eve.publicKey, time: 2 ** 39 }
  })
  const judgement = await log.judge(skip)
  if (judgement.kind !== 'valid') throw new Error('the bytes alone are in order')
  const child = await log.judge(
    await forgeEntry(gate.address, eve, {
      next: [judgement.entry.hash],
      clock: { id: eve.publicKey, time: 2 ** 39 + 1 }
    })
  )
  if (child.kind !== 'valid') throw new Error('the bytes alone are in order')
  expect(await log.ingest([child.entry])).toMatchObject({ stored: [], held: 1, refused: 0 })
  expect(await log.ingest([judgement.entry])).toMatchObject({ stored: [], held: 0, refused: 2 })
  expect(refusals.at(-1)).toEqual({ 'time-not-causal': 2 })
  expect(log.hasHeld).toBe(false)
  expect((await log.append(sealText('next'))).time).toBe(2)
})

it('a quota refuses what exceeds it, and own appends are not asked', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  for (let count = 0; count < 5; count++) await alice.append(sealText(`message ${String(count)}`))
  const pim = await openLog(gate.manifest)
  pim.grant({ mayStore: ({ entries }) => entries <= 3 })
  const outcome = await pim.ingest(await everything(alice))
  expect(outcome.stored).toHaveLength(3)
  expect(outcome.refused).toBe(2)
  expect(await texts(pim)).toEqual(['message 0', 'message 1', 'message 2'])
})

it('a log that is full says so in an exchange, until there is room again', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  for (let count = 0; count < 5; count++) await alice.append(sealText(`message ${String(count)}`))
  const entries = await everything(alice)
  const pim = await openLog(gate.manifest)
  let maxEntries = 3
  pim.grant({ mayStore: (size) => size.entries <= maxEntries })
  expect(await pim.have()).toMatchObject({ isFull: false })
  await pim.ingest(entries)
  expect(await pim.have()).toMatchObject({ isFull: true })
  maxEntries = 5
  expect(await pim.have()).toMatchObject({ isFull: false })
  expect((await pim.ingest(entries)).stored).toHaveLength(2)
  expect(await pim.have()).toMatchObject({ isFull: false })
})

it('a full log does not wait for the ancestors of what it cannot store', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  for (let count = 0; count < 5; count++) await alice.append(sealText(`message ${String(count)}`))
  const entries = await everything(alice)
  const pim = await openLog(gate.manifest)
  pim.grant({ mayStore: (size) => size.entries <= 3 })
  await pim.ingest(entries.slice(0, 4))
  expect(await pim.ingest(entries.slice(4))).toMatchObject({ held: 0, refused: 1 })
  expect(pim.hasHeld).toBe(false)
})

it('isCovered tells ancestors from concurrent and later entries', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  const bob = await openLog(gate.manifest, gate.admitWriter())
  const root = await alice.append(sealText('root'))
  await give(bob, await everything(alice))
  const left = await alice.append(sealText('left'))
  const right = await bob.append(sealText('right'))
  await give(alice, await everything(bob))
  const merge = await alice.append(sealText('merge'))
  const unknown = (await bob.append(sealText('unknown'))).hash
  expect(await alice.isCovered(root.hash, [right.hash])).toBe(true)
  expect(await alice.isCovered(left.hash, [left.hash])).toBe(true)
  expect(await alice.isCovered(left.hash, [right.hash])).toBe(false)
  expect(await alice.isCovered(merge.hash, [left.hash, right.hash])).toBe(false)
  expect(await alice.isCovered(right.hash, [unknown, merge.hash])).toBe(true)
  expect(await alice.isCovered(unknown, [merge.hash])).toBe(false)
  expect(await alice.isCovered(root.hash, [])).toBe(false)
})

it('entries can be read from any arrival on', async () => {
  const gate = createTestGate()
  const log = await openLog(gate.manifest, gate.admitWriter())
  for (let count = 1; count <= 600; count++) await log.append(sealText(String(count)))
  for (const after of [0, 1, 255, 256, 599, 600, 700]) {
    const arrivals: number[] = []
    for await (const { arrival, sealed } of log.entries(after)) {
      expect(openText(sealed)).toBe(String(arrival))
      arrivals.push(arrival)
    }
    expect(arrivals).toEqual(
      Array.from({ length: Math.max(0, 600 - after) }, (_, at) => after + 1 + at)
    )
  }
})

it('a peer is sent exactly what it lacks, ancestors first, however the two logs diverged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { minLength: 1, maxLength: 30 }),
      async (steps) => {
        const gate = createTestGate()
        const logs = [
          await openLog(gate.manifest, gate.admitWriter()),
          await openLog(gate.manifest, gate.admitWriter())
        ] as const
        for (const [isAlice, action] of steps) {
          const [from, to] = isAlice ? logs : [logs[1], logs[0]]
          if (action < 8) await from.append(sealText(String(action)))
          else await give(to, (await everything(from)).slice(0, action === 8 ? 5 : Infinity))
        }
        const [alice, bob] = logs
        const before = new Set<EntryHash>((await everything(bob)).map(({ hash }) => hash))
        const expected = (await everything(alice))
          .map(({ hash }) => hash)
          .filter((hash) => !before.has(hash))
        const { heads, ladder } = await bob.have()
        const sent: LogEntry[] = []
        for await (const page of alice.missingFrom([...heads, ...ladder]))
          sent.push(...page.map(readBlock))
        const lacked = sent.filter(({ hash }) => !before.has(hash))
        expect(lacked.map(({ hash }) => hash)).toEqual(expected)
        expect(await bob.ingest(sent)).toMatchObject({ held: 0, refused: 0 })
        expect(bob.hasHeld).toBe(false)
      }
    ),
    { numRuns: 40 }
  )
}, 60_000)
