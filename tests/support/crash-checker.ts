import type { EntryHash } from '#protocol/brand.ts'
import { decodeCanonical, readBytes, readInteger, readMap } from '#protocol/cbor.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { hashOfBlock, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { createEntryRules, isCausal } from '#replica/orbitdb/entry-rules.ts'
import type { LogEntry } from '#replica/orbitdb/entry-rules.ts'
import { createLogKeys, decodeIndexRow, hashOfKey } from '#replica/orbitdb/log-keys.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { decodeHeads } from '#replica/orbitdb/oplog-storages.ts'
import { blockKey } from '#replica/storage/store-blockstore.ts'

const MAX_STATE_BYTES = 2 ** 24
const PAGE = 256

/** Entries that an earlier check of the same log has found good, so that a check costs what is new. */
export type KnownEntries = Map<EntryHash, LogEntry>

/**
 * Walks everything that the store holds of a log, before anything could repair it: state, heads, arrivals, index, order and
 * blocks must tell the same story, and every entry must pass the rules again.
 *
 * @returns hashes in the order of arrival.
 * @throws the first contradiction.
 */
async function checkStoredLog(
  store: KeyValueStore,
  manifest: LogManifest,
  known: KnownEntries
): Promise<readonly EntryHash[]> {
  const address = logAddressOf(manifest)
  const keys = createLogKeys(address)
  const rules = createEntryRules({ verifier: createSignatureVerifier() }, { manifest, address })

  const arrivals: EntryHash[] = []
  for await (const [key, value] of store.entries(keys.arrivalsAfter(0))) {
    expectThat(
      key === keys.arrival(arrivals.length + 1),
      `arrival ${arrivals.length + 1} is missing`
    )
    arrivals.push(new TextDecoder().decode(value) as EntryHash)
  }
  const entries = new Map<EntryHash, LogEntry>()
  let bytes = 0
  for (let start = 0; start < arrivals.length; start += PAGE) {
    const page = arrivals.slice(start, start + PAGE)
    const blocks = await store.getMany(page.map(blockKey))
    const rows = await store.getMany(page.map((hash) => keys.index(hash)))
    const judged = await Promise.all(
      blocks.map(async (block, at) => {
        const hash = page[at]
        if (block === undefined || hash === undefined || hashOfBlock(block) !== hash) return
        // The name of a block says what is in it: what passed the rules once passes them again.
        const entry = known.get(hash) ?? (await entryOf(block))
        if (entry !== undefined) known.set(hash, entry)
        return entry
      })
    )
    const places: string[] = []
    for (const [at, entry] of judged.entries()) {
      const arrival = start + at + 1
      if (entry === undefined)
        throw new Error(`block of arrival ${arrival} is missing, damaged or breaks a rule`)
      expectThat(!entries.has(entry.hash), `arrival ${arrival} came twice`)
      const timesOf = (parents: readonly EntryHash[]): number[] =>
        parents.map((parent) => entries.get(parent)?.time ?? Number.NaN)
      const times = { next: timesOf(entry.next), refs: timesOf(entry.refs) }
      expectThat(isCausal(entry, times), `arrival ${arrival} came before what it names`)
      const row = rows[at] === undefined ? undefined : decodeIndexRow(rows[at])
      expectThat(
        row?.arrival === arrival && row.time === entry.time,
        `index of arrival ${arrival} says something else`
      )
      places.push(keys.order(entry.time, entry.hash))
      entries.set(entry.hash, entry)
      bytes += entry.bytes.byteLength
    }
    const isOrdered = (await store.getMany(places)).every((place) => place !== undefined)
    expectThat(isOrdered, `an entry among arrivals ${start + 1}.. has no place in the order`)
  }

  async function entryOf(block: Uint8Array): Promise<LogEntry | undefined> {
    const verdict = await rules.check(block)
    return verdict.ok ? verdict.entry : undefined
  }

  for (const [name, range] of [
    ['index', keys.indexes],
    ['order', keys.orders]
  ] as const) {
    let rows = 0
    for await (const [key] of store.entries(range)) {
      rows++
      expectThat(entries.has(hashOfKey(key)), `${name} names an entry that never arrived`)
    }
    expectThat(rows === arrivals.length, `${name} has ${rows} rows for ${arrivals.length} entries`)
  }
  for await (const [key] of store.entries({ from: 'block/', to: 'block0' })) {
    const hash = hashOfKey(key)
    expectThat(
      entries.has(hash) || key === keys.manifest,
      'a block lies in the store that no log names'
    )
  }

  const stored = await store.get(keys.state)
  if (stored === undefined) {
    expectThat(arrivals.length === 0, 'there are entries, but no state')
    return arrivals
  }
  const state = readMap(decodeCanonical(stored, MAX_STATE_BYTES), 'log state', [
    'bytes',
    'entries',
    'heads'
  ])
  expectThat(
    readInteger(state['entries'], 'entries', 0, 2 ** 40) === arrivals.length,
    'state counts other entries'
  )
  expectThat(readInteger(state['bytes'], 'bytes', 0, 2 ** 40) === bytes, 'state counts other bytes')
  const heads = decodeHeads(readBytes(state['heads'], 'heads', 0, MAX_STATE_BYTES))
  const covered = new Set([...entries.values()].flatMap(({ next, refs }) => [...next, ...refs]))
  const uncovered = arrivals.filter((hash) => !covered.has(hash))
  expectThat(
    heads
      .map(({ hash }) => hash)
      .sort()
      .join() === [...uncovered].sort().join(),
    'heads are not the entries that nothing names'
  )
  return arrivals
}

/**
 * {@link checkStoredLog}, then opens the log and compares what it says.
 *
 * @param acknowledged - hashes at the arrivals that the application was told; `undefined` where it was told nothing.
 */
export async function checkAfterCrash(
  store: KeyValueStore,
  manifest: LogManifest,
  acknowledged: ReadonlyMap<number, string>,
  known: KnownEntries
): Promise<OrbitLog> {
  const arrivals = await checkStoredLog(store, manifest, known)
  for (const [arrival, hash] of acknowledged) {
    expectThat(arrivals[arrival - 1] === hash, `acknowledged arrival ${arrival} is lost`)
  }
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
  expectThat(log.size().entries === arrivals.length, 'the open log counts other entries')
  let arrival = 0
  for await (const entry of log.entries()) {
    arrival++
    expectThat(
      entry.arrival === arrival && entry.hash === arrivals[arrival - 1],
      `the open log gives another entry at arrival ${arrival}`
    )
  }
  expectThat(arrival === arrivals.length, 'the open log does not give all entries')
  return log
}

function expectThat(claim: boolean, otherwise: string): void {
  if (!claim) throw new Error(otherwise)
}
