import { BaseBlockstore } from 'blockstore-core'
import { base58btc } from 'multiformats/bases/base58'
import type { CID } from 'multiformats/cid'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import {
  arrivalKey,
  blockKey,
  decodeEntryRow,
  decodePlace,
  entryKey
} from '../orbitdb/entry-rows.ts'

/** Helia's block store over the one store of the process: entries of logs, wherever they are, and other blocks. */
export class StoreBlockstore extends BaseBlockstore {
  readonly #store: KeyValueStore

  constructor(store: KeyValueStore) {
    super()
    this.#store = store
  }

  override async put(
    cid: CID,
    value: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  ): Promise<CID> {
    const bytes = await collect(value)
    if (!(await this.has(cid)))
      await this.#store.write([{ key: blockKey(nameOf(cid)), value: bytes }])
    return cid
  }

  override async *get(cid: CID): AsyncGenerator<Uint8Array> {
    const name = nameOf(cid)
    const value = (await this.#entry(name)) ?? (await this.#store.get(blockKey(name)))
    if (value === undefined) throw new NotFoundError('block is not in the store')
    yield value
  }

  override async has(cid: CID): Promise<boolean> {
    const name = nameOf(cid)
    const values = await this.#store.getMany([entryKey(name), blockKey(name)])
    return values.some((value) => value !== undefined)
  }

  /** Entries stay: they belong to their log. */
  override async delete(cid: CID): Promise<void> {
    await this.#store.write([{ key: blockKey(nameOf(cid)), value: null }])
  }

  /** Empty: what is stored here is listed by the logs, and a walk over all blocks is what garbage collection would do. */
  override async *getAll(): AsyncGenerator<never> {
    return
  }

  async #entry(name: string): Promise<Uint8Array | undefined> {
    const placed = await this.#store.get(entryKey(name))
    const place = placed === undefined ? undefined : decodePlace(placed)
    if (place === undefined) return undefined
    const row = await this.#store.get(arrivalKey(place.manifestHash, place.arrival))
    const block = row === undefined ? undefined : decodeEntryRow(row)
    return block?.hash === name ? block.bytes : undefined
  }
}

/** The name by which interface-store callers recognise a missing value. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
}

function nameOf(cid: CID): string {
  return cid.toV1().toString(base58btc)
}

async function collect(
  value: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>
): Promise<Uint8Array> {
  if (value instanceof Uint8Array) return value
  const parts: Uint8Array[] = []
  for await (const part of value) parts.push(part)
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.byteLength
  }
  return whole
}
