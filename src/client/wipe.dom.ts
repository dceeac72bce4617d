import { DeadDropError } from '#protocol/errors.ts'
import type { Wipe } from './device.ts'

/** An empty database whose presence says that a wipe is to be finished. It lies beside the others, so their order is kept. */
const MARK = 'deaddrop-wipe'
/** First of all: without the device key the rest is noise, also where a copy of it stays. */
const KEY_DATABASE = 'deaddrop-key'
/** Asked for by name where a browser does not list its databases. */
const KNOWN_DATABASES = ['deaddrop', 'deaddrop-empty', MARK]
const DELETE_TIMEOUT_MS = 10_000

/** Deletes everything of this origin: databases, caches, service workers, files and web storage. */
export function createBrowserWipe(): Wipe {
  return {
    async isBegun() {
      return (await databaseNames()).includes(MARK)
    },

    async begin() {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>()
      const request = indexedDB.open(MARK)
      request.onsuccess = () => {
        request.result.close()
        resolve(undefined)
      }
      request.onerror = () => {
        reject(new DeadDropError('storage-denied', 'the mark of a wipe cannot be written'))
      }
      await promise
    },

    async finish() {
      const names = [...(await databaseNames()), ...KNOWN_DATABASES]
      await deleteDatabase(KEY_DATABASE)
      // The address may name a conversation or hold an invite.
      history.replaceState(null, '', location.pathname)
      sessionStorage.clear()
      localStorage.clear()
      const rest = new Set(names.filter((name) => name !== MARK && name !== KEY_DATABASE))
      await Promise.all([
        ...Array.from(rest, deleteDatabase),
        deleteCaches(),
        unregisterServiceWorkers(),
        deleteFiles()
      ])
      await deleteDatabase(MARK)
    }
  }
}

async function databaseNames(): Promise<string[]> {
  try {
    const found = await indexedDB.databases()
    return found.flatMap(({ name }) => name ?? [])
  } catch {
    return []
  }
}

function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (): void => {
      reject(new DeadDropError('storage-denied', 'a database cannot be deleted'))
    }
    const timer = setTimeout(refuse, DELETE_TIMEOUT_MS) // somebody still has it open
    const request = indexedDB.deleteDatabase(name)
    request.onsuccess = () => {
      clearTimeout(timer)
      resolve()
    }
    request.onerror = refuse
  })
}

async function deleteCaches(): Promise<void> {
  if (!('caches' in globalThis)) return
  for (const name of await caches.keys()) await caches.delete(name)
}

async function unregisterServiceWorkers(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  for (const worker of await navigator.serviceWorker.getRegistrations()) await worker.unregister()
}

async function deleteFiles(): Promise<void> {
  let root: FileSystemDirectoryHandle
  try {
    root = await navigator.storage.getDirectory()
  } catch {
    return // no files of an origin in this browser, or none for this window
  }
  const names: string[] = []
  for await (const name of root.keys()) names.push(name)
  for (const name of names) await root.removeEntry(name, { recursive: true })
}
