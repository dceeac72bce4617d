import { Key } from 'interface-datastore'
import { CID } from 'multiformats/cid'
import { expect, it } from 'vitest'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { StoreBlockstore } from '#replica/storage/store-blockstore.ts'
import { StoreDatastore } from '#replica/storage/store-datastore.ts'

async function readBlock(blocks: StoreBlockstore, cid: CID): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for await (const part of blocks.get(cid)) parts.push(part)
  return parts
}

it('blocks are stored under the name that logs use, whole, and can be deleted', async () => {
  const store = createMemoryStore()
  const blocks = new StoreBlockstore(store)
  const hash = hashOfBlock(Uint8Array.of(1, 2, 3))
  const cid = CID.parse(hash)
  expect(await blocks.has(cid)).toBe(false)
  await expect(readBlock(blocks, cid)).rejects.toMatchObject({ name: 'NotFoundError' })
  await blocks.put(cid, [Uint8Array.of(1, 2), Uint8Array.of(3)])
  expect(await store.get(`block/${hash}`)).toEqual(Uint8Array.of(1, 2, 3))
  expect(await readBlock(blocks, cid)).toEqual([Uint8Array.of(1, 2, 3)])
  expect(await blocks.has(cid)).toBe(true)
  await blocks.delete(cid)
  expect(await blocks.has(cid)).toBe(false)
})

it('the datastore keeps to its prefix, batches at once, and answers queries', async () => {
  const store = createMemoryStore()
  const data = new StoreDatastore(store)
  await store.write([{ key: 'log/x', value: Uint8Array.of(9) }])
  const batch = data.batch()
  batch.put(new Key('/peers/a'), Uint8Array.of(1))
  batch.put(new Key('/peers/b'), Uint8Array.of(2))
  batch.put(new Key('/self'), Uint8Array.of(3))
  expect(await data.has(new Key('/self'))).toBe(false)
  await batch.commit()
  expect(await data.get(new Key('/self'))).toEqual(Uint8Array.of(3))
  await expect(data.get(new Key('/none'))).rejects.toMatchObject({ name: 'NotFoundError' })
  const keys: string[] = []
  for await (const { key } of data.query({ prefix: '/peers' })) keys.push(key.toString())
  expect(keys).toEqual(['/peers/a', '/peers/b'])
  await data.delete(new Key('/peers/a'))
  const all: string[] = []
  for await (const key of data.queryKeys({})) all.push(key.toString())
  expect(all).toEqual(['/peers/b', '/self'])
})
