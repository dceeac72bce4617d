import { Entry, Log } from '@orbitdb/core/src/oplog/index.js'
import type { Oplog, OplogStorage } from '@orbitdb/core/src/oplog/index.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { LogEntry } from '#replica/orbitdb/entry-rules.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { createWriterIdentity } from '#replica/orbitdb/writer-identity.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { forgeEntry } from '#tests/support/replica-forge.ts'
import { createTestGate } from '#tests/support/replica-gate.ts'

const gate = createTestGate()
const writer = gate.admitWriter()
const verifier = createSignatureVerifier()

async function openLog(): Promise<OrbitLog> {
  return openOrbitLog(
    {
      store: createMemoryStore(),
      verifier,
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    gate.manifest
  )
}

function stockStorage(): OplogStorage {
  const values = new Map<string, unknown>()
  return {
    async put(key, value) {
      values.set(key, value)
    },
    get: async (key) => values.get(key),
    async del(key) {
      values.delete(key)
    },
    async *iterator() {
      yield* values
    },
    async merge() {},
    async clear() {},
    async close() {}
  }
}

async function openStock(): Promise<Oplog> {
  return Log(createWriterIdentity({ verifier, writer: () => undefined }), {
    logId: gate.address,
    access: { canAppend: async () => true },
    entryStorage: stockStorage(),
    headsStorage: stockStorage(),
    indexStorage: stockStorage()
  })
}

/** Entries of a random graph, ancestors first. @param links - for each entry, which earlier ones it names. */
async function entriesOf(
  log: OrbitLog,
  links: readonly (readonly number[])[]
): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = []
  for (const [at, picks] of links.entries()) {
    const parents = [...new Set(picks.map((pick) => entries[pick % Math.max(1, at)]))].filter(
      (parent) => parent !== undefined
    )
    const bytes = await forgeEntry(gate.address, writer, {
      payload: { op: 'ADD', key: null, value: Uint8Array.of(1, at) },
      next: parents.map(({ hash }) => hash),
      clock: { id: writer.publicKey, time: 1 + Math.max(0, ...parents.map(({ time }) => time)) }
    })
    const judgement = await log.judge(bytes)
    if (judgement.kind !== 'valid') throw new Error('a forged entry is not valid')
    entries.push(judgement.entry)
  }
  return entries
}

it('a log has the heads that OrbitDB gives it, whatever the graph and the batches', async () => {
  const anyLinks = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(
      anyLinks,
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 20, maxLength: 20 }),
      fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
      async (links, sizes, ranks) => {
        const ours = await openLog()
        const entries = await entriesOf(ours, links)
        const stock = await openStock()
        for (const { bytes } of entries) await stock.joinEntry(await Entry.decode(bytes))
        const shuffled = entries
          .map((entry, at) => ({ entry, rank: ranks[at] ?? 0 }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ entry }) => entry)
        for (const size of sizes) await ours.ingest(shuffled.splice(0, size))
        expect(shuffled).toEqual([])
        expect(ours.size().entries).toBe(entries.length)
        expect([...(await ours.heads())].sort()).toEqual(
          (await stock.heads()).map(({ hash }) => hash).sort()
        )
      }
    ),
    { numRuns: 60 }
  )
})
