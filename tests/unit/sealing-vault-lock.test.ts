import { argon2id } from '@noble/hashes/argon2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '#protocol/cbor.ts'
import { isDeadDropError, type ErrorCode } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { passphraseBytes, stretchByArgon2id, type Stretch } from '#sealing/stretch.ts'
import {
  createVaultLock,
  STRETCH_COST,
  VAULT_HEADER_KEY,
  type VaultLock
} from '#sealing/vault-lock.ts'
import { createVault, importVaultKey } from '#sealing/vault.ts'
import { createFaultyStore } from '#tests/support/replica-faulty-store.ts'
import { flipBit, plain, sealingComponents } from '#tests/support/sealing-world.ts'

const { random } = sealingComponents()
const CHEAP = { memoryKiB: 8, passes: 1, lanes: 1 }
const OLD = 'correct horse battery'
const NEW = 'staple of another kind'

async function lockOn(
  store: KeyValueStore,
  init: { readonly device?: number; readonly stretch?: Stretch } = {}
): Promise<VaultLock> {
  const deviceKey = await importVaultKey(new Uint8Array(32).fill(init.device ?? 1))
  const stretch = init.stretch ?? stretchByArgon2id
  return createVaultLock({ store, deviceKey, random, stretch }, { cost: CHEAP })
}

function refused(code: ErrorCode): Error {
  return expect.objectContaining({ code }) as Error // what toThrow compares with
}

/** Something sealed under the data key, to tell whether another opening gives the same key. */
async function witness(key: CryptoKey): Promise<Uint8Array> {
  return createVault({ key, random }).seal('witness', plain('the same key'))
}

async function expectOpens(lock: VaultLock, passphrase: string | null, sealed: Uint8Array) {
  const vault = createVault({ key: await lock.open(passphrase), random })
  await expect(vault.open('witness', sealed)).resolves.toEqual(plain('the same key'))
}

describe('stretching a passphrase', { timeout: 60_000 }, () => {
  it('is Argon2id as another implementation computes it, at several costs', async () => {
    for (const [memoryKiB, passes, lanes] of [
      [8, 1, 1],
      [64, 3, 1],
      [256, 2, 4],
      [STRETCH_COST.memoryKiB, STRETCH_COST.passes, STRETCH_COST.lanes]
    ] as const) {
      const salt = new Uint8Array(16).fill(passes)
      const passphrase = passphraseBytes('pässwörter 🔑')
      const key = await stretchByArgon2id(passphrase, { salt, memoryKiB, passes, lanes })
      const other = argon2id(passphrase, salt, { m: memoryKiB, t: passes, p: lanes, dkLen: 32 })
      expect(bytesToHex(key)).toBe(bytesToHex(other))
    }
  })

  it('gives this key for this passphrase, salt and cost, for ever', async () => {
    const salt = Uint8Array.from({ length: 16 }, (_, index) => index)
    const key = await stretchByArgon2id(passphraseBytes('correct horse battery staple'), {
      ...STRETCH_COST,
      salt
    })
    expect(bytesToHex(key)).toMatchInlineSnapshot(
      `"0d1a3c6523c8f06e4e0af9c515aa5b5448cfebd6838f2d52c3d8b6ef8ddc3c2e"`
    )
  })

  it('does not care how a keyboard composes its characters', () => {
    expect(passphraseBytes('e\u0301ﬁ')).toEqual(passphraseBytes('\u00e9fi'))
  })
})

describe('vault lock', { timeout: 60_000 }, () => {
  it('makes a data key on first use and gives the same one afterwards', async () => {
    const store = createMemoryStore()
    const sealed = await witness(await (await lockOn(store)).open(null))
    const again = await lockOn(store)
    expect(await again.hasPassphrase()).toBe(false)
    await expectOpens(again, null, sealed)
  })

  it('the data key stays the same when a passphrase is set, changed and removed', async () => {
    const store = createMemoryStore()
    const lock = await lockOn(store)
    const sealed = await witness(await lock.open(null))
    await lock.change({ current: null, next: OLD })
    expect(await lock.hasPassphrase()).toBe(true)
    await expectOpens(await lockOn(store), OLD, sealed)
    await lock.change({ current: OLD, next: NEW })
    await expectOpens(await lockOn(store), NEW, sealed)
    await expect(lock.open(OLD)).rejects.toThrow(refused('passphrase-wrong'))
    await lock.change({ current: NEW, next: null })
    expect(await lock.hasPassphrase()).toBe(false)
    await expectOpens(await lockOn(store), null, sealed)
  })

  it('needs the passphrase and the device key: neither opens alone', async () => {
    const store = createMemoryStore()
    const lock = await lockOn(store)
    await lock.change({ current: null, next: OLD })
    await expect(lock.open(null)).rejects.toThrow(refused('locked'))
    await expect(lock.open('another passphrase')).rejects.toThrow(refused('passphrase-wrong'))
    const elsewhere = await lockOn(store, { device: 2 })
    await expect(elsewhere.open(OLD)).rejects.toThrow(refused('storage-corrupt'))
  })

  it('a thief without the device key cannot even try a passphrase', async () => {
    const store = createMemoryStore()
    await (await lockOn(store)).change({ current: null, next: OLD })
    let tries = 0
    const counting: Stretch = (passphrase, parameters) => {
      tries += 1
      return stretchByArgon2id(passphrase, parameters)
    }
    const elsewhere = await lockOn(store, { device: 2, stretch: counting })
    await expect(elsewhere.open(OLD)).rejects.toThrow(refused('storage-corrupt'))
    expect(tries).toBe(0)
  })

  it('changing and removing ask for the current passphrase, setting for one that is worth it', async () => {
    const lock = await lockOn(createMemoryStore())
    await expect(lock.change({ current: OLD, next: NEW })).rejects.toThrow(
      refused('passphrase-missing')
    )
    await expect(lock.change({ current: null, next: 'seven c' })).rejects.toThrow(
      refused('passphrase-too-short')
    )
    await expect(lock.change({ current: null, next: 'x'.repeat(1_025) })).rejects.toThrow(
      refused('passphrase-too-long')
    )
    await lock.change({ current: null, next: OLD })
    await expect(lock.change({ current: NEW, next: null })).rejects.toThrow(
      refused('passphrase-wrong')
    )
    await expect(lock.change({ current: null, next: null })).rejects.toThrow(refused('locked'))
    await expect(lock.open('x'.repeat(10_000))).rejects.toThrow(refused('passphrase-wrong'))
  })

  it('any flipped bit and any lost byte of the header is told as damage, never as a wrong passphrase', async () => {
    const store = createMemoryStore()
    const lock = await lockOn(store)
    await lock.change({ current: null, next: OLD })
    const header = await headerOf(store)
    const damaged = [
      ...Array.from({ length: header.byteLength * 8 }, (_, bit) => flipBit(header, bit)),
      ...Array.from({ length: header.byteLength }, (_, length) => header.slice(0, length))
    ]
    for (const value of damaged) {
      await store.write([{ key: VAULT_HEADER_KEY, value }])
      const answer = await lock.open(OLD).then(
        () => 'opened',
        (error: unknown) => (isDeadDropError(error) ? error.code : 'internal')
      )
      // A flipped bit of a version number speaks of the future.
      expect(['storage-corrupt', 'data-newer']).toContain(answer)
    }
    await store.write([{ key: VAULT_HEADER_KEY, value: header }])
    await expect(lock.open(OLD)).resolves.toBeDefined()
  })

  it('a header that asks for absurd work is damage', async () => {
    const store = createMemoryStore()
    const lock = await lockOn(store)
    await lock.change({ current: null, next: OLD })
    const header = decodeCanonical(await headerOf(store), 1_024) as {
      v: number
      key: Uint8Array
      stretch: { salt: Uint8Array; memoryKiB: number; passes: number; lanes: number }
    } // what the lock wrote
    const value = encodeCanonical({
      ...header,
      stretch: { ...header.stretch, memoryKiB: 2 ** 30 }
    })
    await store.write([{ key: VAULT_HEADER_KEY, value }])
    await expect(lock.open(OLD)).rejects.toThrow(refused('storage-corrupt'))
  })

  it('a header that is gone beside sealed data is damage: no new key hides it', async () => {
    const store = createMemoryStore()
    await store.write([{ key: 'history/format', value: Uint8Array.of(1) }])
    await expect((await lockOn(store)).open(null)).rejects.toThrow(refused('storage-corrupt'))
    expect(await store.get(VAULT_HEADER_KEY)).toBeUndefined()
  })

  it('the first data key is not given out before it is on disk', async () => {
    const store = createFaultyStore(createMemoryStore())
    const lock = await lockOn(store)
    store.fault = 'storage-full'
    await expect(lock.open(null)).rejects.toThrow(refused('storage-full'))
    store.fault = 'lost-answer'
    await expect(lock.open(null)).rejects.toThrow(refused('storage-denied'))
    store.fault = undefined
    const sealed = await witness(await lock.open(null))
    await expectOpens(await lockOn(store), null, sealed)
  })

  for (const [name, current, next] of [
    ['setting', null, NEW],
    ['changing', OLD, NEW],
    ['removing', OLD, null]
  ] as const) {
    for (const fault of ['storage-full', 'lost-answer'] as const) {
      const left = fault === 'lost-answer' ? next : current
      it(`${name} takes one write; when it ends in ${fault}, exactly the ${left === next ? 'new' : 'old'} way opens`, async () => {
        const inner = createMemoryStore()
        const store = createFaultyStore(inner)
        const lock = await lockOn(store)
        const sealed = await witness(await lock.open(null))
        if (current !== null) await lock.change({ current: null, next: current })
        const before = store.writes
        store.fault = fault
        await expect(lock.change({ current, next })).rejects.toThrow(Error)
        expect(store.writes - before).toBe(1)
        store.fault = undefined
        const restarted = await lockOn(inner)
        await expectOpens(restarted, left, sealed)
        const other = left === next ? current : next
        if (other !== null && left !== null) {
          await expect(restarted.open(other)).rejects.toThrow(refused('passphrase-wrong'))
        }
        await expectOpens(lock, left, sealed)
      })
    }
  }
})

async function headerOf(store: KeyValueStore): Promise<Uint8Array> {
  const header = await store.get(VAULT_HEADER_KEY)
  if (header === undefined) throw new Error('there is no header')
  return Uint8Array.from(header) // what came from a Buffer would be changed in place
}
