import 'fake-indexeddb/auto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDeviceKey as openBrowserKey } from '#sealing/device-key.dom.ts'
import { openDeviceKey } from '#sealing/device-key.node.ts'
import { createVault, importVaultKey, type Vault } from '#sealing/vault.ts'
import { flipBit, plain, sealingComponents } from '#tests/support/sealing-world.ts'

const { random } = sealingComponents()
const corrupt = expect.objectContaining({ code: 'storage-corrupt' }) as Error // what toThrow compares with

async function vaultOf(byte: number): Promise<Vault> {
  return createVault({ key: await importVaultKey(new Uint8Array(32).fill(byte)), random })
}

describe('vault', { timeout: 60_000 }, () => {
  it('opens what it sealed, in the place for which it was sealed', async () => {
    const vault = await vaultOf(1)
    const sealed = await vault.seal('message/1', plain('hello'))
    await expect(vault.open('message/1', sealed)).resolves.toEqual(plain('hello'))
    await expect(vault.open('message/2', sealed)).rejects.toThrow(corrupt)
  })

  it('refuses another key, a truncated record, and any changed bit', async () => {
    const vault = await vaultOf(1)
    const sealed = await vault.seal('a', plain('hello'))
    await expect((await vaultOf(2)).open('a', sealed)).rejects.toThrow(corrupt)
    for (let bit = 8; bit < sealed.byteLength * 8; bit++) {
      await expect(vault.open('a', flipBit(sealed, bit))).rejects.toThrow(corrupt)
    }
    for (let length = 0; length < sealed.byteLength; length++) {
      await expect(vault.open('a', sealed.subarray(0, length))).rejects.toThrow(corrupt)
    }
  })

  it('says of a newer version that it is newer', async () => {
    const vault = await vaultOf(1)
    const sealed = await vault.seal('a', plain('hello'))
    sealed[0] = 2
    await expect(vault.open('a', sealed)).rejects.toThrow(
      expect.objectContaining({ code: 'data-newer' })
    )
  })

  it('never seals two records alike', async () => {
    const vault = await vaultOf(1)
    expect(await vault.seal('a', plain('x'))).not.toEqual(await vault.seal('a', plain('x')))
  })
})

describe('device key of a data folder', { timeout: 60_000 }, () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deaddrop-key-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  it('is the same after a restart, and cannot be read back', async () => {
    const first = createVault({ key: await openDeviceKey(folder), random })
    const key = await openDeviceKey(folder)
    const sealed = await first.seal('a', plain('hello'))
    await expect(createVault({ key, random }).open('a', sealed)).resolves.toEqual(plain('hello'))
    await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow()
  })

  it('is the same for processes that start at once, and leaves nothing else behind', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => openDeviceKey(folder)))
    const sealed = await Promise.all(
      keys.map((key) => createVault({ key, random }).seal('a', plain('x')))
    )
    const last = createVault({ key: await openDeviceKey(folder), random })
    for (const record of sealed) await expect(last.open('a', record)).resolves.toEqual(plain('x'))
    expect(await readdir(folder)).toEqual(['vault.key'])
  })

  it('may be read by its owner only', async () => {
    await openDeviceKey(folder)
    expect((await stat(join(folder, 'vault.key'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(folder, 'vault.key'))).toHaveLength(32)
  })

  it('that is damaged is refused and not replaced', async () => {
    await writeFile(join(folder, 'vault.key'), 'short')
    await expect(openDeviceKey(folder)).rejects.toThrow(corrupt)
    expect(await readFile(join(folder, 'vault.key'), 'utf8')).toBe('short')
  })

  it('in a place that cannot be written is refused as denied', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(openDeviceKey(join(folder, 'file', 'below'))).rejects.toThrow(
      expect.objectContaining({ code: 'storage-denied' })
    )
  })
})

describe('device key of a browser profile', { timeout: 60_000 }, () => {
  it('is the same for tabs that start at once, and cannot be read back', async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, () => openBrowserKey('race')))
    const sealed = await Promise.all(
      keys.map((key) => createVault({ key, random }).seal('a', plain('x')))
    )
    const key = await openBrowserKey('race')
    const last = createVault({ key, random })
    for (const record of sealed) await expect(last.open('a', record)).resolves.toEqual(plain('x'))
    await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow()
  })
})
