import type { KeyRange, KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { DeadDropError } from '#protocol/errors.ts'

/** A {@link KeyValueStore} that forgets everything with the process. Values are copied in and out. */
export function createMemoryStore(): KeyValueStore {
  const values = new Map<string, Uint8Array>()
  // Kept sorted by insertion: a range must not cost a sort of all keys.
  const keys: string[] = []
  let isClosed = false

  function assertOpen(): void {
    if (isClosed) throw new DeadDropError('stopped', 'store is closed')
  }

  function indexOf(key: string): number {
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((keys[middle] ?? '') < key) low = middle + 1
      else high = middle
    }
    return low
  }

  function apply({ key, value }: KeyValueWrite): void {
    if (value === null) {
      if (values.delete(key)) keys.splice(indexOf(key), 1)
      return
    }
    if (!values.has(key)) keys.splice(indexOf(key), 0, key)
    values.set(key, value.slice())
  }

  return {
    async get(key) {
      assertOpen()
      return values.get(key)?.slice()
    },
    async getMany(wanted) {
      assertOpen()
      return wanted.map((key) => values.get(key)?.slice())
    },
    async *entries({ from, to, isReverse = false, limit = Infinity }: KeyRange) {
      assertOpen()
      // A snapshot: the caller may write while it reads.
      const inRange = keys.slice(indexOf(from), indexOf(to))
      if (isReverse) inRange.reverse()
      let left = limit
      for (const key of inRange) {
        if (left-- <= 0) return
        const value = values.get(key)
        if (value !== undefined) yield [key, value.slice()] as const
      }
    },
    async write(batch) {
      assertOpen()
      for (const write of batch) apply(write)
    },
    async close() {
      isClosed = true
    }
  }
}
