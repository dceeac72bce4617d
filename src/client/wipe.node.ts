import { mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DeadDropError } from '#protocol/errors.ts'
import type { Wipe } from './device.ts'

const MARK = 'wiping'
/** `vault.key` and the drafts that a crash may have left beside it. */
const KEY_FILES = /^vault\.key(\.[0-9a-f]+)?$/
const STORE = 'store'

/** Deletes what DeadDrop keeps in `folder`; whatever else lies there stays, and with it the folder. */
export function createFolderWipe(folder: string): Wipe {
  const mark = join(folder, MARK)
  return {
    async isBegun() {
      return stat(mark).then(
        () => true,
        () => false
      )
    },

    async begin() {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const file = await open(mark, 'w', 0o600)
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    },

    async finish() {
      try {
        const names = await readdir(folder)
        // The key first: without it the store is noise.
        for (const name of names.filter((candidate) => KEY_FILES.test(candidate)))
          await rm(join(folder, name), { force: true })
        await rm(join(folder, STORE), { recursive: true, force: true })
        await rm(mark, { force: true })
      } catch (cause) {
        throw new DeadDropError('storage-denied', 'data folder cannot be deleted', { cause })
      }
      await rmdir(folder).catch(() => undefined) // something else lies in it
    }
  }
}
