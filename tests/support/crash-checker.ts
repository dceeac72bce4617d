import type { EntryHash } from '#protocol/brand.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { hashOfBlock, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { createEntryRules, isCausal } from '#replica/orbitdb/entry-rules.ts'
import type { LogEntry } from '#replica/orbitdb/entry-rules.ts'
import { blockKey, decodeEntryRow, decodePlace, entryKey } from '#replica/orbitdb/entry-rows.ts'
import { createLogKeys } from '#replica/orbitdb/log-keys.ts'
import { decodeLogState } from '#replica/orbitdb/log-state.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'

const PAGE = 256

/** Entries that an earlier check of the same log has found good, so that a check costs what is new. */
export type KnownEntries = Map<EntryHash, LogEntry>

/**
 * Walks everything that the store holds of a log, before anything could repair it: state, heads, entries and
 * places must tell the same story, and every entry must pass the rules again.
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
  const entries = new Map<EntryHash, LogEntry>()
  let bytes = 0
  for await (const [key, row] of store.entries(keys.arrivals(1))) {
    const arrival = arrivals.length + 1
    expectThat(key === keys.arrival(arrival), `arrival ${arrival} is missing`)
    const entry = await entryOf(row)
    if (entry === undefined) throw new Error(`arrival ${arrival} is damaged or breaks a rule`)
    expectThat(!entries.has(entry.hash), `arrival ${arrival} came twice`)
    const timesOf = (parents: readonly EntryHash[]): number[] =>
      parents.map((parent) => entries.get(parent)?.time ?? Number.NaN)
    const times = { next: timesOf(entry.next), refs: timesOf(entry.refs) }
    expectThat(isCausal(entry, times), `arrival ${arrival} came before what it names`)
    arrivals.push(entry.hash)
    entries.set(entry.hash, entry)
    bytes += entry.bytes.byteLength
  }
  for (let start = 0; start < arrivals.length; start += PAGE) {
    const page = arrivals.slice(start, start + PAGE)
    const places = await store.getMany(page.map(entryKey))
    for (const [at, hash] of page.entries()) {
      const place = places[at] === undefined ? undefined : decodePlace(places[at])
      const arrival = start + at + 1
      expectThat(
        place?.arrival === arrival &&
          place.time === entries.get(hash)?.time &&
          place.manifestHash === keys.manifestHash,
        `place of arrival ${arrival} says something else`
      )
    }
  }

  async function entryOf(row: Uint8Array): Promise<LogEntry | undefined> {
    const block = decodeEntryRow(row)
    if (block === undefined || hashOfBlock(block.bytes) !== block.hash) return undefined
    // The name of a block says what is in it: what passed the rules once passes them again.
    const before = known.get(block.hash)
    if (before !== undefined) return before
    const verdict = await rules.check(block.bytes)
    if (!verdict.ok) return undefined
    known.set(block.hash, verdict.entry)
    return verdict.entry
  }

  let places = 0
  for await (const [key] of store.entries({ from: entryKey(''), to: entryKey('~') })) {
    places++
    const hash = key.slice(entryKey('').length) as EntryHash // written by the log
    expectThat(entries.has(hash), 'a place names an entry that never arrived')
  }
  expectThat(places === arrivals.length, `${places} places for ${arrivals.length} entries`)
  for await (const [key] of store.entries({ from: blockKey(''), to: blockKey('~') })) {
    expectThat(key === keys.manifest, 'a block lies in the store that no log names')
  }

  const stored = await store.get(keys.state)
  if (stored === undefined) {
    expectThat(arrivals.length === 0, 'there are entries, but no state')
    return arrivals
  }
  const state = decodeLogState(stored)
  expectThat(state.entries === arrivals.length, 'state counts other entries')
  expectThat(state.bytes === bytes, 'state counts other bytes')
  const covered = new Set([...entries.values()].flatMap(({ next, refs }) => [...next, ...refs]))
  const uncovered = arrivals.filter((hash) => !covered.has(hash))
  expectThat(
    state.heads
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
