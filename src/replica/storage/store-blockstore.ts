import { BaseBlockstore } from 'blockstore-core'
import { base58btc } from 'multiformats/bases/base58'
import type { CID } from 'multiformats/cid'
import type { KeyValueStore } from '#protocol/key-value-store.ts'

/** Key of a block: entries are stored once, under the name that logs and bitswap share. */
export function blockKey(hash: string): string {
  return `block/${hash}`
}

/** Helia's block store over the one store of the process. */
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
    await this.#store.write([{ key: keyOf(cid), value: await collect(value) }])
    return cid
  }

  override async *get(cid: CID): AsyncGenerator<Uint8Array> {
    const value = await this.#store.get(keyOf(cid))
    if (value === undefined) throw new NotFoundError('block is not in the store')
    yield value
  }

  override async has(cid: CID): Promise<boolean> {
    return (await this.#store.get(keyOf(cid))) !== undefined
  }

  override async delete(cid: CID): Promise<void> {
    await this.#store.write([{ key: keyOf(cid), value: null }])
  }

  /** Empty: what is stored here is listed by the logs, and a walk over all blocks is what garbage collection would do. */
  override async *getAll(): AsyncGenerator<never> {
    return
  }
}

/** The name by which interface-store callers recognise a missing value. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
}

function keyOf(cid: CID): string {
  return blockKey(cid.toV1().toString(base58btc))
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
