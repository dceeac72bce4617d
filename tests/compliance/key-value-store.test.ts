import 'fake-indexeddb/auto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openIdbStore } from '#replica/storage/idb-store.dom.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { describeKeyValueStore } from './key-value-store.ts'

const folders: string[] = []
async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'store-'))
  folders.push(folder)
  return folder
}
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))
})

describe('memory store', () => {
  describeKeyValueStore(async () => createMemoryStore())
})

describe('Level store', () => {
  describeKeyValueStore(async () => openLevelStore({ directory: await createFolder() }))

  it('refuses a folder that is already open', async () => {
    const directory = await createFolder()
    const store = await openLevelStore({ directory })
    await expect(openLevelStore({ directory })).rejects.toMatchObject({ code: 'data-in-use' })
    await store.close()
  })

  it('finds everything again after it was closed', async () => {
    const directory = await createFolder()
    const store = await openLevelStore({ directory })
    await store.write([{ key: 'a', value: Uint8Array.of(5) }])
    await store.close()
    const again = await openLevelStore({ directory })
    expect(await again.get('a')).toEqual(Uint8Array.of(5))
    await again.close()
  })

  it('says storage-denied when the folder cannot be made', async () => {
    await expect(openLevelStore({ directory: '/dev/null/data' })).rejects.toMatchObject({
      code: 'storage-denied'
    })
  })
})

describe('IndexedDB store', () => {
  let count = 0
  describeKeyValueStore(async () => openIdbStore({ name: `test-${count++}` }))

  it('finds everything again after it was closed', async () => {
    const store = await openIdbStore({ name: 'again' })
    await store.write([{ key: 'a', value: Uint8Array.of(5) }])
    await store.close()
    const again = await openIdbStore({ name: 'again' })
    expect(await again.get('a')).toEqual(Uint8Array.of(5))
    await again.close()
  })

  it('stores nothing of a batch in which one value cannot be stored', async () => {
    const store = await openIdbStore({ name: 'atomic' })
    const broken = { key: 'b', value: (() => 1) as unknown as Uint8Array } // deliberately not bytes
    await expect(
      store.write([{ key: 'a', value: Uint8Array.of(1) }, broken])
    ).rejects.toMatchObject({
      code: 'storage-denied'
    })
    expect(await store.get('a')).toBeUndefined()
    await store.close()
  })
})
