import { randomBytes } from 'node:crypto'
import type { History } from '#history/history.ts'
import { createHistory } from '#history/create-history.ts'
import type { HistoryInit } from '#history/create-history.ts'
import type { Vault } from '#history/ports.ts'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { createVault, importVaultKey } from '#sealing/vault.ts'

const KEY = new Uint8Array(32).fill(7)

/** The real vault under a fixed key, so that a store can be opened again. */
export async function openVault(): Promise<Vault> {
  return createVault({
    key: await importVaultKey(KEY),
    random: (length) => new Uint8Array(randomBytes(length))
  })
}

/** Binds a value to its place as the real vault does, and hides nothing. */
export function unsafePlainVaultForTesting(): Vault {
  const prefixOf = (record: string): Buffer => Buffer.from(`${record}|`)
  return {
    seal: (record, plain) => Buffer.concat([prefixOf(record), plain]),
    open(record, sealed) {
      const prefix = prefixOf(record)
      const isOfRecord = prefix.equals(sealed.subarray(0, prefix.byteLength))
      return isOfRecord ? new Uint8Array(sealed.subarray(prefix.byteLength)) : undefined
    }
  }
}

export async function openHistory(
  store: KeyValueStore = createMemoryStore(),
  init?: HistoryInit
): Promise<History> {
  return createHistory({ store, vault: await openVault() }, init)
}

export interface FaultyStore extends KeyValueStore {
  /** How many writes came, failed ones included. */
  writes(): number
  lastBatch(): readonly KeyValueWrite[]
}

/**
 * A store that fails at the writes named by `fault`: `refused` stores nothing and throws; `crashed` stores everything and
 * throws all the same, as when the process dies before it hears of its success.
 */
export function withFaults(
  store: KeyValueStore,
  fault: (write: number) => 'refused' | 'crashed' | undefined
): FaultyStore {
  let writes = 0
  let last: readonly KeyValueWrite[] = []
  return {
    ...store,
    writes: () => writes,
    lastBatch: () => last,
    async write(batch, options) {
      const outcome = fault(++writes)
      last = batch
      if (outcome === 'refused') throw new DeadDropError('storage-full', 'no room for the batch')
      await store.write(batch, options)
      if (outcome === 'crashed') throw new DeadDropError('stopped', 'the process is gone')
    }
  }
}

/** Everything in a store. */
export async function dump(store: KeyValueStore): Promise<ReadonlyMap<string, Uint8Array>> {
  const all = new Map<string, Uint8Array>()
  for await (const [key, value] of store.entries({ from: '', to: '\uffff' })) all.set(key, value)
  return all
}
