import type { EntryHash } from '#protocol/brand.ts'
import {
  decodeCanonical,
  encodeCanonical,
  readBytes,
  readInteger,
  readMap
} from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyRange, KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { blockKey } from '../storage/store-blockstore.ts'
import { readStoredEntry } from './entry-rules.ts'
import { decodeIndexRow, encodeIndexRow, hashOfKey } from './log-keys.ts'
import type { LogKeys } from './log-keys.ts'
import { decodeHeads, encodeHeads } from './oplog-storages.ts'
import type { Head } from './oplog-storages.ts'

/** What is kept in memory of an open log. */
export interface LogState {
  readonly entries: number
  readonly bytes: number
  readonly heads: readonly (Head & { readonly time: number })[]
}

const EMPTY: LogState = { entries: 0, bytes: 0, heads: [] }
const MAX_STATE_BYTES = 2 ** 24
/** Newest arrivals whose rows and blocks are looked at when a log is opened. */
const CHECKED_ARRIVALS = 16
const PAGE = 256

export function encodeLogState(state: LogState): Uint8Array {
  return encodeCanonical({
    entries: state.entries,
    bytes: state.bytes,
    heads: encodeHeads(state.heads)
  })
}

/**
 * Reads the state of a log, and checks that heads, indexes and blocks agree; rebuilds the indexes from the blocks when
 * they do not.
 *
 * @throws {DeadDropError} `storage-corrupt` when a block that an index names is missing or damaged.
 */
export async function loadLogState(store: KeyValueStore, keys: LogKeys): Promise<LogState> {
  if ((await store.get(keys.forgetting)) !== undefined) await forgetLog(store, keys)
  const state = await readState(store, keys)
  return state !== undefined && (await isSound(store, keys, state)) ? state : rebuild(store, keys)
}

/** Deletes a log from the store, blocks included; can be repeated after a crash at any point. */
export async function forgetLog(store: KeyValueStore, keys: LogKeys): Promise<void> {
  await store.write([
    { key: keys.forgetting, value: new Uint8Array() },
    { key: keys.state, value: null },
    { key: keys.manifest, value: null }
  ])
  // A row goes in one batch with the block that it names: no crash leaves a block that nothing names.
  for (const range of [keys.orders, keys.indexes]) {
    await deleteRange(store, range, (key) => [blockKey(hashOfKey(key))])
  }
  // `forgetting` goes last of all, since it says that there is something left to delete.
  const { from, to } = keys.everything
  await deleteRange(store, { from, to: keys.forgetting })
  await deleteRange(store, { from: `${keys.forgetting}\0`, to })
  await store.write([{ key: keys.forgetting, value: null }])
}

/** @param alsoOf - more keys to delete in the batch of a key. */
async function deleteRange(
  store: KeyValueStore,
  { from, to }: KeyRange,
  alsoOf: (key: string) => readonly string[] = () => []
): Promise<void> {
  for (;;) {
    const writes: KeyValueWrite[] = []
    for await (const [key] of store.entries({ from, to, limit: PAGE })) {
      for (const name of [key, ...alsoOf(key)]) writes.push({ key: name, value: null })
    }
    if (writes.length === 0) return
    await store.write(writes)
  }
}

async function readState(store: KeyValueStore, keys: LogKeys): Promise<LogState | undefined> {
  const bytes = await store.get(keys.state)
  if (bytes === undefined) return undefined
  try {
    const map = readMap(decodeCanonical(bytes, MAX_STATE_BYTES), 'log state', [
      'bytes',
      'entries',
      'heads'
    ])
    const heads = decodeHeads(readBytes(map['heads'], 'heads', 2, MAX_STATE_BYTES))
    const blocks = await store.getMany(heads.map(({ hash }) => blockKey(hash)))
    const withTimes = heads.map((head, position) => {
      const block = blocks[position]
      const entry = block === undefined ? undefined : readStoredEntry(block, head.hash)
      if (block === undefined || entry === undefined || hashOfBlock(block) !== head.hash) {
        throw new DeadDropError('storage-corrupt', 'a head of the log is not in the store')
      }
      return { ...head, time: entry.time }
    })
    return {
      entries: readInteger(map['entries'], 'entries', 0, Number.MAX_SAFE_INTEGER),
      bytes: readInteger(map['bytes'], 'bytes', 0, Number.MAX_SAFE_INTEGER),
      heads: withTimes
    }
  } catch (error) {
    // Damaged bytes are repaired by the caller; a store that cannot be read is not.
    if (
      error instanceof DeadDropError &&
      (error.code === 'storage-denied' || error.code === 'stopped')
    )
      throw error
    return undefined
  }
}

/** A cheap look at the places that a half-finished write would leave wrong. */
async function isSound(store: KeyValueStore, keys: LogKeys, state: LogState): Promise<boolean> {
  const newest: EntryHash[] = []
  let position = state.entries
  const range = { ...keys.arrivalsAfter(0), isReverse: true, limit: CHECKED_ARRIVALS }
  for await (const [key, value] of store.entries(range)) {
    if (key !== keys.arrival(position)) return false
    position -= 1
    newest.push(new TextDecoder().decode(value) as EntryHash) // written by the log
  }
  if (newest.length !== Math.min(state.entries, CHECKED_ARRIVALS)) return false
  if (state.entries > 0 && state.heads.length === 0) return false
  const checked = [...new Set([...newest, ...state.heads.map(({ hash }) => hash)])]
  const rows = await store.getMany(checked.map((hash) => keys.index(hash)))
  const witnesses = checked.flatMap((hash, at) => {
    const row = rows[at] === undefined ? undefined : decodeIndexRow(rows[at])
    return row === undefined ? [] : [blockKey(hash), keys.order(row.time, hash)]
  })
  if (witnesses.length !== checked.length * 2) return false
  return (await store.getMany(witnesses)).every((value) => value !== undefined)
}

async function rebuild(store: KeyValueStore, keys: LogKeys): Promise<LogState> {
  // Arrivals first: entries keep the positions under which they were announced.
  const hashes = new Set<EntryHash>()
  for await (const [, value] of store.entries(keys.arrivalsAfter(0))) {
    hashes.add(new TextDecoder().decode(value) as EntryHash) // written by the log
  }
  for await (const [key] of store.entries(keys.orders)) hashes.add(hashOfKey(key))
  if (hashes.size === 0) return EMPTY

  const writes: KeyValueWrite[] = []
  for await (const [key] of store.entries(keys.arrivalsAfter(hashes.size)))
    writes.push({ key, value: null })
  const covered = new Set<EntryHash>()
  const candidates: (Head & { readonly time: number })[] = []
  const all = [...hashes]
  let position = 0
  let bytes = 0
  for (let start = 0; start < all.length; start += PAGE) {
    const page = all.slice(start, start + PAGE)
    const blocks = await store.getMany(page.map(blockKey))
    page.forEach((hash, index) => {
      const block = blocks[index]
      const entry =
        block === undefined || hashOfBlock(block) !== hash
          ? undefined
          : readStoredEntry(block, hash)
      if (entry === undefined)
        throw new DeadDropError('storage-corrupt', 'an entry of the log is not in the store')
      position += 1
      bytes += entry.bytes.byteLength
      for (const parent of [...entry.next, ...entry.refs]) {
        if (!hashes.has(parent))
          throw new DeadDropError('storage-corrupt', 'the log names an entry that it lost')
        covered.add(parent)
      }
      candidates.push({ hash, next: entry.next, time: entry.time })
      writes.push(
        { key: keys.index(hash), value: encodeIndexRow({ arrival: position, time: entry.time }) },
        { key: keys.order(entry.time, hash), value: new Uint8Array() },
        { key: keys.arrival(position), value: new TextEncoder().encode(hash) }
      )
    })
  }
  const state = {
    entries: all.length,
    bytes,
    heads: candidates.filter(({ hash }) => !covered.has(hash))
  }
  writes.push({ key: keys.state, value: encodeLogState(state) })
  await store.write(writes)
  return state
}
