import { BaseDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import type { Batch, KeyQuery, Pair, Query } from 'interface-datastore'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { NotFoundError } from './store-blockstore.ts'

const PREFIX = 'libp2p'

/** libp2p's datastore (peer store, keys) over the one store of the process. */
export class StoreDatastore extends BaseDatastore {
  readonly #store: KeyValueStore

  constructor(store: KeyValueStore) {
    super()
    this.#store = store
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    await this.#store.write([{ key: PREFIX + key.toString(), value }])
    return key
  }

  override async get(key: Key): Promise<Uint8Array> {
    const value = await this.#store.get(PREFIX + key.toString())
    if (value === undefined) throw new NotFoundError('key is not in the datastore')
    return value
  }

  override async has(key: Key): Promise<boolean> {
    return (await this.#store.get(PREFIX + key.toString())) !== undefined
  }

  override async delete(key: Key): Promise<void> {
    await this.#store.write([{ key: PREFIX + key.toString(), value: null }])
  }

  override batch(): Batch {
    let writes: KeyValueWrite[] = []
    return {
      put: (key, value) => {
        writes.push({ key: PREFIX + key.toString(), value })
      },
      delete: (key) => {
        writes.push({ key: PREFIX + key.toString(), value: null })
      },
      commit: async () => {
        const batch = writes
        writes = []
        await this.#store.write(batch)
      }
    }
  }

  override async *_all(query: Query): AsyncGenerator<Pair> {
    const from = `${PREFIX}${query.prefix ?? '/'}`
    // Keys are ASCII: '\x7f' sorts after everything that begins with the prefix.
    for await (const [key, value] of this.#store.entries({ from, to: `${from}\x7f` })) {
      yield { key: new Key(key.slice(PREFIX.length)), value }
    }
  }

  override async *_allKeys(query: KeyQuery): AsyncGenerator<Key> {
    for await (const { key } of this._all(
      query.prefix === undefined ? {} : { prefix: query.prefix }
    ))
      yield key
  }
}
