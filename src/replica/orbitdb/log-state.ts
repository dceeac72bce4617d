import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import {
  decodeCanonical,
  encodeCanonical,
  readInteger,
  readList,
  readMap,
  readText
} from '#protocol/cbor.ts'
import type { CborValue } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyRange, KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { addressOfManifestHash, hashOfBlock, readEntryHash } from '#protocol/log-manifest.ts'
import type { LogSize } from '../sealed-log.ts'
import { decodeEntryRow, decodePlace, encodePlace, entryKey } from './entry-rows.ts'
import { readStoredEntry } from './entry-rules.ts'
import type { LogEntry } from './entry-rules.ts'
import { STATE_RANGE } from './log-keys.ts'
import type { LogKeys } from './log-keys.ts'

/** An entry that no other entry names. */
export interface Head {
  readonly hash: EntryHash
  readonly time: number
}

/** What is kept in memory of an open log. */
export interface LogState {
  readonly entries: number
  readonly bytes: number
  readonly heads: readonly Head[]
}

const EMPTY: LogState = { entries: 0, bytes: 0, heads: [] }
const MAX_STATE_BYTES = 2 ** 24
const MAX_HEADS = 2 ** 17
const HASH_CHARACTERS = 49
/** Newest arrivals that are read when a log is opened. */
const CHECKED_ARRIVALS = 16
const PAGE = 256

export function encodeLogState({ entries, bytes, heads }: LogState): Uint8Array {
  return encodeCanonical({ entries, bytes, heads: heads.map(({ hash, time }) => ({ hash, time })) })
}

/** @throws {DeadDropError} `bytes-malformed` or `bytes-too-large` when the bytes were damaged. */
export function decodeLogState(stored: Uint8Array): LogState {
  const value = decodeCanonical(stored, MAX_STATE_BYTES)
  const map = readMap(value, 'log state', ['bytes', 'entries', 'heads'])
  return {
    entries: readInteger(map['entries'], 'entries', 0, Number.MAX_SAFE_INTEGER),
    bytes: readInteger(map['bytes'], 'bytes', 0, Number.MAX_SAFE_INTEGER),
    heads: readList(map['heads'], 'heads', MAX_HEADS, readHead)
  }
}

/** Orders what {@link LogState} does not: newest first. */
export function sortHeads<T extends Head>(heads: readonly T[]): T[] {
  return [...heads].sort((a, b) => b.time - a.time || (a.hash < b.hash ? 1 : -1))
}

/** All logs of a store, whether they are open or not, in one pass over their states. Damaged states are left out. */
export async function* storedLogs(store: KeyValueStore): AsyncGenerator<{
  readonly address: LogAddress
  readonly size: LogSize
  readonly heads: readonly EntryHash[]
}> {
  for await (const [key, stored] of store.entries(STATE_RANGE)) {
    let state: LogState
    let manifestHash: EntryHash
    try {
      state = decodeLogState(stored)
      manifestHash = readEntryHash(key.slice(STATE_RANGE.from.length))
    } catch {
      continue
    }
    const { entries, bytes } = state
    const heads = sortHeads(state.heads).map(({ hash }) => hash)
    yield { address: addressOfManifestHash(manifestHash), size: { entries, bytes }, heads }
  }
}

/**
 * Reads the state of a log, and checks that it agrees with the newest entries; rebuilds it and the places of all entries
 * from the entries themselves when it does not.
 *
 * @throws {DeadDropError} `storage-corrupt` when an entry is missing or damaged.
 */
export async function loadLogState(store: KeyValueStore, keys: LogKeys): Promise<LogState> {
  const [forgetting, stored] = await store.getMany([keys.forgetting, keys.state])
  if (forgetting !== undefined) {
    await forgetLog(store, keys)
    return EMPTY
  }
  const state = stored === undefined ? undefined : readState(stored)
  return state !== undefined && (await isSound(store, keys, state)) ? state : rebuild(store, keys)
}

/** Deletes a log from the store; can be repeated after a crash at any point. */
export async function forgetLog(store: KeyValueStore, keys: LogKeys): Promise<void> {
  await store.write([
    { key: keys.forgetting, value: new Uint8Array() },
    { key: keys.state, value: null },
    { key: keys.manifest, value: null }
  ])
  const range = keys.arrivals(1)
  for (;;) {
    const writes: KeyValueWrite[] = []
    for await (const [key, row] of store.entries({ ...range, limit: PAGE })) {
      writes.push({ key, value: null })
      // In one batch with the row that names it: no crash leaves a place that leads nowhere.
      const block = decodeEntryRow(row)
      if (block !== undefined) writes.push({ key: entryKey(block.hash), value: null })
    }
    if (writes.length === 0) break
    await store.write(writes)
  }
  // Last of all, since it says that there is something left to delete.
  await store.write([{ key: keys.forgetting, value: null }])
}

function readState(stored: Uint8Array): LogState | undefined {
  try {
    return decodeLogState(stored)
  } catch {
    return undefined
  }
}

function readHead(value: CborValue, subject: string): Head {
  const map = readMap(value, subject, ['hash', 'time'])
  return {
    hash: readEntryHash(readText(map['hash'], subject, HASH_CHARACTERS)),
    time: readInteger(map['time'], 'time', 1, Number.MAX_SAFE_INTEGER)
  }
}

/** A cheap look at the places that a half-finished write would leave wrong. */
async function isSound(store: KeyValueStore, keys: LogKeys, state: LogState): Promise<boolean> {
  if (state.entries > 0 !== state.heads.length > 0) return false
  const oldest = Math.max(1, state.entries - CHECKED_ARRIVALS + 1)
  let position = oldest
  const newest: LogEntry[] = []
  for await (const [key, row] of store.entries(keys.arrivals(oldest))) {
    const entry = readRow(row)
    if (entry === undefined || key !== keys.arrival(position++)) return false
    newest.push(entry)
  }
  if (position !== state.entries + 1) return false
  const checked = new Map<EntryHash, number>(
    [...newest, ...state.heads].map(({ hash, time }) => [hash, time])
  )
  const stored = await store.getMany([...checked.keys()].map(entryKey))
  const places = stored.map((value) => (value === undefined ? undefined : decodePlace(value)))
  const isPlaced = [...checked.values()].every((time, at) => {
    const place = places[at]
    return place?.time === time && place.manifestHash === keys.manifestHash
  })
  if (!isPlaced) return false
  const rows = await store.getMany(places.map((place) => keys.arrival(place?.arrival ?? 0)))
  const hashes = [...checked.keys()]
  if (!rows.every((row, at) => row !== undefined && readRow(row)?.hash === hashes[at])) return false
  const named = new Set(newest.flatMap(({ next, refs }) => [...next, ...refs]))
  const heads = new Set(state.heads.map(({ hash }) => hash))
  return newest.every(({ hash }) => named.has(hash) !== heads.has(hash))
}

async function rebuild(store: KeyValueStore, keys: LogKeys): Promise<LogState> {
  const times = new Map<EntryHash, number>()
  const covered = new Set<EntryHash>()
  let bytes = 0
  let writes: KeyValueWrite[] = []
  const range: KeyRange = keys.arrivals(1)
  for await (const [key, row] of store.entries(range)) {
    const entry = readRow(row)
    const arrival = times.size + 1
    if (entry === undefined || key !== keys.arrival(arrival)) {
      throw new DeadDropError('storage-corrupt', 'an entry of the log is damaged or missing')
    }
    for (const parent of [...entry.next, ...entry.refs]) {
      if (!times.has(parent))
        throw new DeadDropError('storage-corrupt', 'the log names an entry that it lost')
      covered.add(parent)
    }
    const { hash, time } = entry
    times.set(hash, time)
    bytes += entry.bytes.byteLength
    const place = encodePlace({ manifestHash: keys.manifestHash, arrival, time })
    writes.push({ key: entryKey(hash), value: place })
    if (writes.length < PAGE) continue
    await store.write(writes)
    writes = []
  }
  if (times.size === 0) return EMPTY
  const heads = [...times].filter(([hash]) => !covered.has(hash))
  const state = { entries: times.size, bytes, heads: heads.map(([hash, time]) => ({ hash, time })) }
  // With the last places: before that, the next start finds the state as wrong as this one did.
  await store.write([...writes, { key: keys.state, value: encodeLogState(state) }])
  return state
}

/** @returns `undefined` when the row is damaged. */
function readRow(row: Uint8Array): LogEntry | undefined {
  const block = decodeEntryRow(row)
  if (block === undefined || hashOfBlock(block.bytes) !== block.hash) return undefined
  return readStoredEntry(block.bytes, block.hash)
}
