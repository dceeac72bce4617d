import { DeadDropError } from '#protocol/errors.ts'
import type { ErrorCode } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'

export interface FaultyStore extends KeyValueStore {
  /** What the next writes do instead of succeeding; `undefined` ends it. */
  fault: ErrorCode | 'lost-answer' | undefined
  /** Number of writes tried so far. */
  readonly writes: number
}

/**
 * A store whose writes fail on demand. `lost-answer`: the batch reaches the disk and the call fails all the same, as when a
 * process is killed between the two.
 */
export function createFaultyStore(inner: KeyValueStore): FaultyStore {
  let writes = 0
  return {
    fault: undefined,
    get writes() {
      return writes
    },
    get: (key) => inner.get(key),
    getMany: (keys) => inner.getMany(keys),
    entries: (range) => inner.entries(range),
    async write(batch, options) {
      writes += 1
      if (this.fault === undefined) {
        await inner.write(batch, options)
        return
      }
      if (this.fault === 'lost-answer') {
        await inner.write(batch, options)
        throw new DeadDropError('storage-denied', 'write failed after it was done')
      }
      throw new DeadDropError(this.fault, 'write failed')
    },
    close: () => inner.close()
  }
}
