import type { OplogStorage } from '@orbitdb/core/src/oplog/index.js'
import type { EntryHash } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { readEntryHash } from '#protocol/log-manifest.ts'
import { blockKey } from '../storage/store-blockstore.ts'
import { BoundedMap } from '../bounded-map.ts'
import { decodeIndexRow } from './log-keys.ts'
import type { IndexRow, LogKeys } from './log-keys.ts'

/** A head as OrbitDB's log writes it. */
export interface Head {
  readonly hash: EntryHash
  readonly next: readonly EntryHash[]
}

const MAX_CACHED_BLOCKS = 256
const MAX_CACHED_ROWS = 4_096

/**
 * The three storages of one OrbitDB log over the shared store. What the log writes stays in memory until the caller has
 * put it into one atomic batch and says {@link settle}; {@link rollback} makes it as if nothing had happened.
 */
export class OplogStorages {
  readonly entries: OplogStorage
  readonly index: OplogStorage
  readonly heads: OplogStorage
  readonly #store: KeyValueStore
  readonly #keys: LogKeys
  readonly #blocks = new BoundedMap<string, Uint8Array>(MAX_CACHED_BLOCKS)
  readonly #rows = new BoundedMap<string, IndexRow>(MAX_CACHED_ROWS)
  readonly #pendingBlocks = new Map<string, Uint8Array>()
  readonly #pendingIndex = new Set<string>()
  #headsBytes: Uint8Array = encodeHeads([])

  constructor(store: KeyValueStore, keys: LogKeys) {
    this.#store = store
    this.#keys = keys
    this.entries = storage(
      (hash) => this.block(hash),
      (hash, value) => {
        if (value instanceof Uint8Array) this.#pendingBlocks.set(hash, value)
      }
    )
    this.index = storage(
      async (hash) => {
        if (this.#pendingIndex.has(hash)) return true
        return (await this.row(hash)) === undefined ? undefined : true
      },
      (hash) => this.#pendingIndex.add(hash)
    )
    this.heads = storage(
      async () => this.#headsBytes,
      (_key, value) => {
        if (value instanceof Uint8Array) this.#headsBytes = value
      }
    )
  }

  /** Which heads the log sees from now on. */
  showHeads(heads: readonly Head[]): void {
    this.#headsBytes = encodeHeads(heads)
  }

  pendingBlock(hash: string): Uint8Array | undefined {
    return this.#pendingBlocks.get(hash)
  }

  async block(hash: string): Promise<Uint8Array | undefined> {
    const cached = this.#pendingBlocks.get(hash) ?? this.#blocks.get(hash)
    if (cached !== undefined) return cached
    const bytes = await this.#store.get(blockKey(hash))
    if (bytes !== undefined) this.#blocks.set(hash, bytes)
    return bytes
  }

  async row(hash: string): Promise<IndexRow | undefined> {
    return (await this.rows([hash])).get(hash)
  }

  /** Rows of those of `hashes` that are in the log, in one read. */
  async rows(hashes: Iterable<string>): Promise<Map<string, IndexRow>> {
    const found = new Map<string, IndexRow>()
    const unknown: string[] = []
    for (const hash of new Set(hashes)) {
      const cached = this.#rows.get(hash)
      if (cached === undefined) unknown.push(hash)
      else found.set(hash, cached)
    }
    if (unknown.length === 0) return found
    const values = await this.#store.getMany(unknown.map((hash) => this.#keys.index(hash)))
    values.forEach((value, position) => {
      const hash = unknown[position]
      const row = value === undefined ? undefined : decodeIndexRow(value)
      if (hash === undefined || row === undefined) return
      this.#rows.set(hash, row)
      found.set(hash, row)
    })
    return found
  }

  /** The pending writes are on disk: keeps what the next appends will ask for. */
  settle(rows: Iterable<readonly [hash: string, row: IndexRow]>): void {
    for (const [hash, bytes] of this.#pendingBlocks) this.#blocks.set(hash, bytes)
    for (const [hash, row] of rows) this.#rows.set(hash, row)
    this.#forgetPending()
  }

  rollback(): void {
    this.#blocks.clear()
    this.#rows.clear()
    this.#forgetPending()
  }

  #forgetPending(): void {
    this.#pendingBlocks.clear()
    this.#pendingIndex.clear()
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** OrbitDB's own form of heads: JSON of `{ hash, next }`. */
export function encodeHeads(heads: readonly Head[]): Uint8Array {
  return encoder.encode(JSON.stringify(heads.map(({ hash, next }) => ({ hash, next }))))
}

/**
 * Reads what {@link encodeHeads} or the log wrote, in this process or an earlier one.
 *
 * @throws {DeadDropError} `storage-corrupt` or `bytes-malformed` when the bytes were damaged since.
 */
export function decodeHeads(bytes: Uint8Array): readonly Head[] {
  const value: unknown = JSON.parse(decoder.decode(bytes))
  if (!Array.isArray(value)) throw new DeadDropError('storage-corrupt', 'heads are not a list')
  return value.map((head: unknown) => {
    if (!isHead(head)) throw new DeadDropError('storage-corrupt', 'a head is not `{ hash, next }`')
    return { hash: readEntryHash(head.hash), next: head.next.map(readEntryHash) }
  })
}

function isHead(
  value: unknown
): value is { readonly hash: string; readonly next: readonly string[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'hash' in value &&
    typeof value.hash === 'string' &&
    'next' in value &&
    Array.isArray(value.next) &&
    value.next.every((item) => typeof item === 'string')
  )
}

function storage(
  get: (key: string) => Promise<unknown>,
  put: (key: string, value: unknown) => unknown
): OplogStorage {
  return {
    get,
    async put(key, value) {
      put(key, value)
    },
    // The log deletes nothing, and closing it must not close the store that all logs share.
    async del() {},
    async *iterator() {},
    async merge() {},
    async clear() {},
    async close() {}
  }
}
