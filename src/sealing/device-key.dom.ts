import { DeadDropError } from '#protocol/errors.ts'

const STORE = 'keys'
const KEY = 'vault'

/**
 * The vault key of this browser profile: a non-extractable `CryptoKey` in an IndexedDB database of its own, made on first
 * use. Two tabs that start at once get the same key.
 *
 * Answers: a copy of the history database, or script that reads it, without the browser's key storage. Does not answer:
 * somebody with the whole browser profile, or script that runs in this origin.
 *
 * @param databaseName - @default 'deaddrop-key'
 * @throws {DeadDropError} `storage-denied` when the browser keeps no databases here, `storage-full`, or `storage-corrupt`
 *   when what is kept there is no such key.
 */
export async function openDeviceKey(databaseName = 'deaddrop-key'): Promise<CryptoKey> {
  try {
    const database = await openDatabase(databaseName)
    try {
      const found = await readKey(database)
      if (found !== undefined) return assertVaultKey(found)
      const made = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, [
        'encrypt',
        'decrypt'
      ])
      // Generating cannot happen inside the transaction, which would end; so whoever writes first wins.
      return assertVaultKey(await keepFirst(database, made))
    } finally {
      database.close()
    }
  } catch (cause) {
    if (cause instanceof DeadDropError) throw cause
    const isFull = cause instanceof DOMException && cause.name === 'QuotaExceededError'
    throw new DeadDropError(
      isFull ? 'storage-full' : 'storage-denied',
      'key storage is not usable',
      {
        cause
      }
    )
  }
}

function assertVaultKey(value: unknown): CryptoKey {
  const isVaultKey = value instanceof CryptoKey && value.algorithm.name === 'AES-GCM'
  if (!isVaultKey)
    throw new DeadDropError('storage-corrupt', 'stored vault key is not an AES-GCM key')
  return value
}

function openDatabase(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE)
    }
    request.onsuccess = () => {
      resolve(request.result)
    }
    request.onerror = () => {
      reject(request.error ?? new Error('opening failed'))
    }
    request.onblocked = () => {
      reject(new Error('opening is blocked'))
    }
  })
}

function readKey(database: IDBDatabase): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request: IDBRequest<unknown> = database.transaction(STORE).objectStore(STORE).get(KEY)
    request.onsuccess = () => {
      resolve(request.result)
    }
    request.onerror = () => {
      reject(request.error ?? new Error('reading failed'))
    }
  })
}

/** Stores `key` unless there is one, in one transaction, and returns the one that is there when it is on disk. */
function keepFirst(database: IDBDatabase, key: CryptoKey): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' })
    const store = transaction.objectStore(STORE)
    let kept: unknown = key
    const request: IDBRequest<unknown> = store.get(KEY)
    request.onsuccess = () => {
      if (request.result === undefined) store.put(key, KEY)
      else kept = request.result
    }
    transaction.oncomplete = () => {
      resolve(kept)
    }
    transaction.onabort = () => {
      reject(transaction.error ?? new Error('writing failed'))
    }
  })
}
