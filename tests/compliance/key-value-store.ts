import { expect, it } from 'vitest'
import type { KeyValueStore } from '#protocol/key-value-store.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

async function keysOf(
  store: KeyValueStore,
  from: string,
  to: string,
  rest = {}
): Promise<string[]> {
  const keys: string[] = []
  for await (const [key] of store.entries({ from, to, ...rest })) keys.push(key)
  return keys
}

/** What every {@link KeyValueStore} must do. `createStore` gives a fresh one per call. */
export function describeKeyValueStore(createStore: () => Promise<KeyValueStore>): void {
  it('gives back what was written, byte for byte', async () => {
    const store = await createStore()
    await store.write([
      { key: 'a', value: bytes(1, 2, 3) },
      { key: 'empty', value: bytes() }
    ])
    expect(await store.get('a')).toEqual(bytes(1, 2, 3))
    expect(await store.get('empty')).toEqual(bytes())
    expect(await store.get('b')).toBeUndefined()
    await store.close()
  })

  it('getMany answers in the order of the question', async () => {
    const store = await createStore()
    await store.write([
      { key: 'a', value: bytes(1) },
      { key: 'c', value: bytes(3) }
    ])
    expect(await store.getMany(['c', 'b', 'a', 'a'])).toEqual([
      bytes(3),
      undefined,
      bytes(1),
      bytes(1)
    ])
    expect(await store.getMany([])).toEqual([])
    await store.close()
  })

  it('the last write of a batch to one key wins, and null deletes', async () => {
    const store = await createStore()
    await store.write([{ key: 'a', value: bytes(1) }])
    await store.write([
      { key: 'a', value: bytes(2) },
      { key: 'a', value: null },
      { key: 'b', value: null },
      { key: 'b', value: bytes(4) },
      { key: 'never', value: null }
    ])
    expect(await store.getMany(['a', 'b', 'never'])).toEqual([undefined, bytes(4), undefined])
    await store.write([])
    await store.close()
  })

  it('later changes of a written or read array do not reach the store', async () => {
    const store = await createStore()
    const value = bytes(1)
    await store.write([{ key: 'a', value }])
    value[0] = 9
    const read = await store.get('a')
    if (read !== undefined) read[0] = 8
    expect(await store.get('a')).toEqual(bytes(1))
    await store.close()
  })

  it('ranges are half-open, ordered by UTF-16 unit, reversible and limited', async () => {
    const store = await createStore()
    const keys = ['log/a/1', 'log/a/10', 'log/a/2', 'log/b/1', 'log/B/1', 'zz', 'Log']
    await store.write(keys.map((key) => ({ key, value: bytes(1) })))
    expect(await keysOf(store, 'log/a/', 'log/a0')).toEqual(['log/a/1', 'log/a/10', 'log/a/2'])
    expect(await keysOf(store, 'log/a/1', 'log/a/2')).toEqual(['log/a/1', 'log/a/10'])
    expect(await keysOf(store, '', '~')).toEqual([...keys].sort())
    expect(await keysOf(store, 'log/', 'log0', { isReverse: true, limit: 2 })).toEqual([
      'log/b/1',
      'log/a/2'
    ])
    expect(await keysOf(store, 'log/', 'log0', { limit: 0 })).toEqual([])
    expect(await keysOf(store, 'b', 'a')).toEqual([])
    await store.close()
  })

  it('reads ranges longer than any page, both ways, also while the reader writes', async () => {
    const store = await createStore()
    const keys = Array.from({ length: 1_100 }, (_, index) => `n/${String(index).padStart(6, '0')}`)
    await store.write(keys.map((key, index) => ({ key, value: bytes(index & 255) })))
    expect(await keysOf(store, 'n/', 'n0')).toEqual(keys)
    expect(await keysOf(store, 'n/', 'n0', { isReverse: true })).toEqual([...keys].reverse())
    const seen: string[] = []
    for await (const [key] of store.entries({ from: 'n/', to: 'n0', limit: 600 })) {
      seen.push(key)
      if (seen.length % 200 === 0) await store.write([{ key: `m/${key}`, value: bytes(1) }])
    }
    expect(seen).toEqual(keys.slice(0, 600))
    await store.close()
  })

  it('a durable write is readable like any other', async () => {
    const store = await createStore()
    await store.write([{ key: 'a', value: bytes(7) }], { isDurable: true })
    expect(await store.get('a')).toEqual(bytes(7))
    await store.close()
  })

  it('says stopped after close, and may be closed twice', async () => {
    const store = await createStore()
    await store.close()
    await store.close()
    await expect(store.get('a')).rejects.toMatchObject({ code: 'stopped' })
    await expect(store.write([{ key: 'a', value: bytes(1) }])).rejects.toMatchObject({
      code: 'stopped'
    })
    await expect(keysOf(store, 'a', 'b')).rejects.toMatchObject({ code: 'stopped' })
  })
}
