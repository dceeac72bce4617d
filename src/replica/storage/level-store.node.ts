import { ClassicLevel } from 'classic-level'
import type { KeyRange, KeyValueStore } from '#protocol/key-value-store.ts'
import { DeadDropError } from '#protocol/errors.ts'

const MIB = 2 ** 20

/**
 * Opens the one Level database of a process. Logs share it by key prefix, so that the number of open logs costs no
 * file descriptors.
 *
 * @param init.directory - created when missing.
 * @throws {DeadDropError} `data-in-use` when another process (or another call) has it open, `storage-corrupt` when Level
 *   cannot read it, `storage-denied` or `storage-full` when the file system refuses.
 */
export async function openLevelStore(init: { readonly directory: string }): Promise<KeyValueStore> {
  const level = new ClassicLevel<string, Uint8Array>(init.directory, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    // Everything that is stored is sealed or hashed: it does not compress.
    compression: false,
    writeBufferSize: 8 * MIB,
    cacheSize: 16 * MIB
  })
  try {
    await level.open()
  } catch (error) {
    throw storageError(error)
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    if (level.status !== 'open') throw new DeadDropError('stopped', 'store is closed')
    try {
      return await work()
    } catch (error) {
      throw storageError(error)
    }
  }

  return {
    get: (key) => guarded(async () => asBytesOrNothing(await level.get(key))),
    getMany: (keys) => guarded(async () => (await level.getMany([...keys])).map(asBytesOrNothing)),
    async *entries({ from, to, isReverse = false, limit = -1 }: KeyRange) {
      if (limit === 0 || from >= to) return
      try {
        const iterator = level.iterator({ gte: from, lt: to, reverse: isReverse, limit })
        for await (const [key, value] of iterator) yield [key, asBytes(value)] as const
      } catch (error) {
        throw storageError(error)
      }
    },
    write: (batch, options = {}) =>
      guarded(() =>
        level.batch(
          batch.map(({ key, value }) =>
            value === null ? { type: 'del' as const, key } : { type: 'put' as const, key, value }
          ),
          { sync: options.isDurable === true }
        )
      ),
    async close() {
      await level.close()
    }
  }
}

/** Level hands out Buffers, whose `slice` shares memory: callers may rely on plain Uint8Array. */
function asBytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

function asBytesOrNothing(value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : asBytes(value)
}

/** Level reports the file system's errors as text inside `LEVEL_IO_ERROR`, the open ones as the cause. */
function storageError(error: unknown): DeadDropError {
  const codes: string[] = []
  let text = ''
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code)
    text += ` ${at.message}`
  }
  if (codes.includes('LEVEL_LOCKED')) {
    return new DeadDropError('data-in-use', 'data folder is open in another process', {
      cause: error
    })
  }
  if (codes.includes('ENOSPC') || /no space left|disk quota/i.test(text)) {
    return new DeadDropError('storage-full', 'data folder has no space left', { cause: error })
  }
  if (codes.includes('LEVEL_CORRUPTION')) {
    return new DeadDropError('storage-corrupt', 'data folder is not a readable Level database', {
      cause: error
    })
  }
  if (codes.includes('LEVEL_DATABASE_NOT_OPEN') && codes.length === 1) {
    return new DeadDropError('stopped', 'store is closed', { cause: error })
  }
  return new DeadDropError('storage-denied', 'data folder cannot be read or written', {
    cause: error
  })
}
