import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DeadDropError } from '#protocol/errors.ts'
import { importVaultKey } from './vault.ts'

const FILE = 'vault.key'
const KEY_BYTES = 32

/**
 * The vault key of this data folder: 32 random bytes in a file that only its owner may read, made on first use. Two
 * processes that start at once get the same key, and a crash leaves a whole file or none.
 *
 * Answers: a copy of the database files alone. Does not answer: a copy of the whole folder.
 *
 * @param folder - created if it is missing, mode 0700.
 * @throws {DeadDropError} `storage-denied`, `storage-full`, or `storage-corrupt` when the file does not hold 32 bytes.
 */
export async function openDeviceKey(folder: string): Promise<CryptoKey> {
  const path = join(folder, FILE)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const bytes = (await readIfThere(path)) ?? (await create(folder, path))
    if (bytes.byteLength !== KEY_BYTES) {
      throw new DeadDropError(
        'storage-corrupt',
        `vault key is ${bytes.byteLength} bytes, expected ${KEY_BYTES}`
      )
    }
    const key = await importVaultKey(bytes)
    bytes.fill(0)
    return key
  } catch (cause) {
    if (cause instanceof DeadDropError) throw cause
    const isFull = codeOf(cause) === 'ENOSPC' || codeOf(cause) === 'EDQUOT'
    throw new DeadDropError(isFull ? 'storage-full' : 'storage-denied', 'vault key is not usable', {
      cause
    })
  }
}

/** Writes beside, then links into place: `link` fails when somebody else was first, where `rename` would overwrite. */
async function create(folder: string, path: string): Promise<Uint8Array> {
  const draft = join(folder, `${FILE}.${randomBytes(8).toString('hex')}`)
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(randomBytes(KEY_BYTES))
      await file.sync()
    } finally {
      await file.close()
    }
    await link(draft, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(folder)
  return readFile(path)
}

/** Without this the name of a new file may be lost in a power cut, and with it everything sealed under the key. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
