import type { EntryHash } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { BoundedMap } from '../bounded-map.ts'
import { decodeEntryRow, decodePlace, encodeEntryRow, encodePlace, entryKey } from './entry-rows.ts'
import type { EntryPlace, StoredBlock } from './entry-rows.ts'
import { readStoredEntry } from './entry-rules.ts'
import type { LogEntry } from './entry-rules.ts'
import type { LogKeys } from './log-keys.ts'

/** More than a segment has, so that a log that is fetched whole is never searched for what cannot be there. */
const MAX_CACHED_PLACES = 16_384

/** The rows of one log. Places of the newest entries stay in memory: they are what the next entries name. */
export class LogStore {
  readonly #store: KeyValueStore
  readonly #keys: LogKeys
  readonly #places = new BoundedMap<EntryHash, EntryPlace>(MAX_CACHED_PLACES)
  #entries: number

  /** @param entries - that the log has now. */
  constructor(store: KeyValueStore, keys: LogKeys, entries: number) {
    this.#store = store
    this.#keys = keys
    this.#entries = entries
  }

  async place(hash: EntryHash): Promise<EntryPlace | undefined> {
    return (await this.places([hash])).get(hash)
  }

  /** Places of those of `hashes` that are in the log, in one read. */
  async places(hashes: Iterable<EntryHash>): Promise<Map<EntryHash, EntryPlace>> {
    const found = new Map<EntryHash, EntryPlace>()
    const unknown: EntryHash[] = []
    for (const hash of new Set(hashes)) {
      const cached = this.#places.get(hash)
      if (cached === undefined) unknown.push(hash)
      else found.set(hash, cached)
    }
    if (unknown.length === 0 || this.#places.size === this.#entries) return found
    const values = await this.#store.getMany(unknown.map(entryKey))
    values.forEach((value, position) => {
      const hash = unknown[position]
      const place = value === undefined ? undefined : decodePlace(value)
      if (hash === undefined || place?.manifestHash !== this.#keys.manifestHash) return
      this.#places.set(hash, place)
      found.set(hash, place)
    })
    return found
  }

  /** Entries at the arrivals `first..last`, as they are stored. */
  async page(first: number, last: number): Promise<StoredBlock[]> {
    const blocks: StoredBlock[] = []
    let arrival = first
    for await (const [key, row] of this.#store.entries(this.#keys.arrivals(first, last))) {
      const block = decodeEntryRow(row)
      if (block === undefined || key !== this.#keys.arrival(arrival++)) throw lostEntry()
      blocks.push(block)
    }
    if (blocks.length !== last - first + 1) throw lostEntry()
    return blocks
  }

  /** Entries at these arrivals, as they are stored. */
  async at(arrivals: readonly number[]): Promise<StoredBlock[]> {
    const rows = await this.#store.getMany(arrivals.map((arrival) => this.#keys.arrival(arrival)))
    return rows.map((row) => {
      const block = row === undefined ? undefined : decodeEntryRow(row)
      if (block === undefined) throw lostEntry()
      return block
    })
  }

  /** Entries that are in the log, as they are stored. */
  async blocks(hashes: readonly EntryHash[]): Promise<StoredBlock[]> {
    const places = await this.places(hashes)
    const blocks = await this.at(hashes.map((hash) => places.get(hash)?.arrival ?? 0))
    if (!blocks.every((block, index) => block.hash === hashes[index])) throw lostEntry()
    return blocks
  }

  async entries(hashes: readonly EntryHash[]): Promise<LogEntry[]> {
    return (await this.blocks(hashes)).map(readBlock)
  }

  /** The two rows of an entry. */
  writesOf(entry: LogEntry, arrival: number): readonly KeyValueWrite[] {
    const { manifestHash } = this.#keys
    return [
      { key: this.#keys.arrival(arrival), value: encodeEntryRow(entry) },
      {
        key: entryKey(entry.hash),
        value: encodePlace({ manifestHash, arrival, time: entry.time })
      }
    ]
  }

  /** {@link writesOf} has reached the disk. */
  remember({ hash, time }: LogEntry, arrival: number): void {
    this.#places.set(hash, { manifestHash: this.#keys.manifestHash, arrival, time })
    this.#entries = arrival
  }

  /** What is in memory may be wrong. @param entries - that the log has now. */
  reset(entries: number): void {
    this.#places.clear()
    this.#entries = entries
  }
}

/** @throws {DeadDropError} `storage-corrupt` when the bytes are not an entry. */
export function readBlock({ bytes, hash }: StoredBlock): LogEntry {
  const entry = readStoredEntry(bytes, hash)
  if (entry === undefined) throw lostEntry()
  return entry
}

function lostEntry(): DeadDropError {
  return new DeadDropError('storage-corrupt', 'an entry of the log is not in the store')
}
