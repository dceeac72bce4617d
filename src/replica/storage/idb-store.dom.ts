import { deleteDB, openDB } from 'idb'
import type { DBSchema, IDBPDatabase } from 'idb'
import type { KeyRange, KeyValueStore } from '#protocol/key-value-store.ts'
import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'

interface Schema extends DBSchema {
  values: { key: string; value: Uint8Array }
}

const STORE = 'values'
const VERSION = 1
/** Rows read per transaction: an IndexedDB transaction ends when the reader awaits anything else. */
const PAGE = 256

/**
 * Opens the one IndexedDB database of this app.
 *
 * @throws {DeadDropError} `storage-denied` where the browser has no IndexedDB for this page (private mode, policy),
 *   `data-newer` when a newer version of the app wrote it.
 */
export async function openIdbStore(init: { readonly name: string }): Promise<KeyValueStore> {
  let database: IDBPDatabase<Schema>
  let isClosed = false
  try {
    await startNewWriteAheadLog(init.name)
    database = await openDB<Schema>(init.name, VERSION, {
      upgrade(upgraded) {
        upgraded.createObjectStore(STORE)
      },
      terminated() {
        isClosed = true
      }
    })
  } catch (error) {
    if (error instanceof Error && error.name === 'VersionError') {
      throw new DeadDropError('data-newer', 'a newer version of DeadDrop wrote this data', {
        cause: error
      })
    }
    throw storageError(error)
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    if (isClosed) throw new DeadDropError('stopped', 'store is closed')
    try {
      return await work()
    } catch (error) {
      throw storageError(error)
    }
  }

  function readPage(
    range: IDBKeyRange,
    isReverse: boolean,
    limit: number
  ): Promise<[string, Uint8Array][]> {
    return guarded(async () => {
      const store = database.transaction(STORE).store
      if (!isReverse) {
        const [keys, values] = await Promise.all([
          store.getAllKeys(range, limit),
          store.getAll(range, limit)
        ])
        return keys.map((key, index) => [key, values[index] ?? new Uint8Array()])
      }
      const page: [string, Uint8Array][] = []
      let cursor = await store.openCursor(range, 'prev')
      while (cursor !== null && page.length < limit) {
        page.push([cursor.key, cursor.value])
        if (page.length < limit) cursor = await cursor.continue()
      }
      return page
    })
  }

  return {
    get: (key) => guarded(() => database.get(STORE, key)),
    getMany: (keys) =>
      guarded(async () => {
        const store = database.transaction(STORE).store
        return Promise.all(keys.map((key) => store.get(key)))
      }),
    async *entries({ from, to, isReverse = false, limit = Infinity }: KeyRange) {
      let left = limit
      let low = from
      let high = to
      let isLowOpen = false
      while (left > 0 && low < high) {
        const size = Math.min(left, PAGE)
        const page = await readPage(IDBKeyRange.bound(low, high, isLowOpen, true), isReverse, size)
        yield* page
        left -= page.length
        const last = page.at(-1)
        if (last === undefined || page.length < size) return
        if (isReverse) high = last[0]
        else {
          low = last[0]
          isLowOpen = true
        }
      }
    },
    write: (batch, options = {}) =>
      guarded(async () => {
        const transaction = database.transaction(STORE, 'readwrite', {
          durability: options.isDurable === true ? 'strict' : 'relaxed'
        })
        const requests: Promise<unknown>[] = []
        try {
          for (const { key, value } of batch) {
            requests.push(
              value === null ? transaction.store.delete(key) : transaction.store.put(value, key)
            )
          }
        } catch (error) {
          transaction.abort()
          await Promise.allSettled([...requests, transaction.done])
          throw error
        }
        // Each failed request also fails the transaction: one of the reasons is enough, none may stay unhandled.
        const results = await Promise.allSettled([transaction.done, ...requests])
        const failed = results.find((result) => result.status === 'rejected')
        if (failed !== undefined) throw transaction.error ?? failed.reason
      }),
    async close() {
      isClosed = true
      database.close()
    }
  }
}

/**
 * Makes Chromium leave the write-ahead log of the last run behind, before anything else is written.
 *
 * All IndexedDB databases of an origin share one LevelDB. A browser that is killed in the middle of a write leaves half a
 * record at the end of its log: the next start forgives that and writes on behind it, the start after that takes it for
 * damage and deletes every database of the origin. Chromium compacts after it has deleted a database, whatever was in it;
 * with that LevelDB moves the old log into a table and begins a new one. Costs some milliseconds per start; other browsers
 * only make and delete an empty database. Strict durability does not help: it syncs after the record is written.
 *
 * @see https://github.com/google/leveldb/issues/1287
 */
async function startNewWriteAheadLog(name: string): Promise<void> {
  const empty = `${name}-empty`
  try {
    const database = await openDB(empty)
    database.close()
    await deleteDB(empty)
  } catch {
    // A full disk refuses this, and must still let what is stored be read. What else is wrong shows at the next step.
  }
}

function storageError(error: unknown): DeadDropError {
  if (isDeadDropError(error)) return error
  if (error instanceof Error && error.name === 'QuotaExceededError') {
    return new DeadDropError('storage-full', 'the browser has no space left for this page', {
      cause: error
    })
  }
  return new DeadDropError('storage-denied', 'the browser does not let this page store data', {
    cause: error
  })
}
