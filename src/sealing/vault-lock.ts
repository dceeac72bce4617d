import { bytesToHex } from '@noble/hashes/utils.js'
import { encodeCanonical, readBytes, readInteger, readMap, type CborValue } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { MAX_PASSPHRASE_CHARACTERS } from '#protocol/limits.ts'
import type { RandomBytes } from './components.ts'
import { decodeStored } from './stored.ts'
import {
  assertPassphrase,
  passphraseBytes,
  SALT_BYTES,
  type Stretch,
  type StretchParameters
} from './stretch.ts'
import { createVault, importVaultKey } from './vault.ts'

/**
 * Keeps the data key, under which the vault seals everything, in one record: sealed under the passphrase, if there is one,
 * and that under the device key. Neither the disk without the device key nor the passphrase alone opens it.
 */
export interface VaultLock {
  /** @throws {DeadDropError} `storage-corrupt`, `data-newer` */
  hasPassphrase(): Promise<boolean>
  /**
   * The data key; made on first use. It cannot be read back.
   *
   * @param passphrase - `null` when there is none.
   * @throws {DeadDropError} `locked` when there is one and none was given, `passphrase-wrong`, `storage-corrupt`,
   *   `data-newer`, `storage-full`, `storage-denied`.
   */
  open(passphrase: string | null): Promise<CryptoKey>
  /**
   * Sets, changes or removes the passphrase: one durable write of the record, nothing is sealed anew. When it fails, or the
   * process dies in it, either the old or the new passphrase opens.
   *
   * @param change.current - `null` when there is none.
   * @param change.next - `null` for none from now on.
   * @throws {DeadDropError} `passphrase-missing` when `current` is given and there is none; `locked` when there is one and
   *   `current` is `null`; `passphrase-wrong`, `passphrase-too-short`, `passphrase-too-long`, and what storage throws.
   */
  change(change: { readonly current: string | null; readonly next: string | null }): Promise<void>
}

/** Cost of a new passphrase: 64 MiB three times, 0.2 s of one core. What was set before keeps its own. */
export const STRETCH_COST = { memoryKiB: 65_536, passes: 3, lanes: 1 } as const

/** Where the record lies in the store. */
export const VAULT_HEADER_KEY = 'vault/header'

const VERSION = 1
const KEY_BYTES = 32
const MAX_HEADER_BYTES = 1_024
/** One GiB, 100 passes: what no device of today would be given. */
const MAX_MEMORY_KIB = 1_048_576
const MAX_PASSES = 100
const MAX_LANES = 16
const SEALED_UNDER_PASSPHRASE = `${VAULT_HEADER_KEY}|passphrase`
/** Everything that the data key seals. */
const SEALED = { from: 'history/', to: 'history0', limit: 1 } as const

interface Header {
  /** `null`: no passphrase. */
  readonly stretch: StretchParameters | null
  readonly key: Uint8Array
}

export function createVaultLock(
  components: {
    readonly store: KeyValueStore
    /** AES-GCM, see `device-key.dom.ts` and `device-key.node.ts`. */
    readonly deviceKey: CryptoKey
    readonly random: RandomBytes
    readonly stretch: Stretch
  },
  init: { readonly cost?: Omit<StretchParameters, 'salt'> } = {}
): VaultLock {
  const { store, deviceKey, random, stretch } = components
  const cost = init.cost ?? STRETCH_COST
  const device = createVault({ key: deviceKey, random })

  async function read(): Promise<Header | undefined> {
    const bytes = await store.get(VAULT_HEADER_KEY)
    if (bytes !== undefined) return decodeHeader(bytes)
    for await (const [key] of store.entries(SEALED)) {
      // A new data key would make what is there unreadable for good, and hide that it was lost.
      throw new DeadDropError(
        'storage-corrupt',
        `no vault header beside ${key.split('/', 2).join('/')}`
      )
    }
    return undefined
  }

  async function passphraseVault(
    passphrase: string,
    parameters: StretchParameters
  ): Promise<ReturnType<typeof createVault>> {
    const bytes = passphraseBytes(passphrase)
    const stretched = await stretch(bytes, parameters)
    const key = await importVaultKey(stretched)
    bytes.fill(0)
    stretched.fill(0)
    return createVault({ key, random })
  }

  async function write(dataKey: Uint8Array, passphrase: string | null): Promise<void> {
    let header: Header
    if (passphrase === null) {
      header = { stretch: null, key: await device.seal(placeOf(null), dataKey) }
    } else {
      const parameters = { ...cost, salt: random(SALT_BYTES) }
      const vault = await passphraseVault(passphrase, parameters)
      const inner = await vault.seal(SEALED_UNDER_PASSPHRASE, dataKey)
      header = { stretch: parameters, key: await device.seal(placeOf(parameters), inner) }
    }
    await store.write([{ key: VAULT_HEADER_KEY, value: encodeHeader(header) }], {
      isDurable: true
    })
  }

  /** The caller erases what it gets. */
  async function unseal(header: Header, passphrase: string | null): Promise<Uint8Array> {
    const outer = await device.open(placeOf(header.stretch), header.key)
    if (header.stretch === null) return assertKey(outer)
    if (passphrase === null) throw new DeadDropError('locked', 'data is locked by a passphrase')
    // What cannot have been set costs no work, and no memory that a longer one would ask for.
    if (passphrase.length > 2 * MAX_PASSPHRASE_CHARACTERS) throw wrong()
    const vault = await passphraseVault(passphrase, header.stretch)
    let dataKey: Uint8Array
    try {
      dataKey = await vault.open(SEALED_UNDER_PASSPHRASE, outer)
    } catch (cause) {
      // The device key has vouched for these bytes: they are whole, so it is the passphrase.
      throw wrong(cause)
    }
    return assertKey(dataKey)
  }

  return {
    async hasPassphrase() {
      return ((await read())?.stretch ?? null) !== null
    },

    async open(passphrase) {
      const header = await read()
      const dataKey =
        header === undefined ? random(KEY_BYTES).slice() : await unseal(header, passphrase)
      if (header === undefined) await write(dataKey, null)
      const key = await importVaultKey(dataKey)
      dataKey.fill(0)
      return key
    },

    async change({ current, next }) {
      if (next !== null) assertPassphrase(next)
      const header = await read()
      if (current !== null && (header?.stretch ?? null) === null) {
        throw new DeadDropError('passphrase-missing', 'no passphrase is set')
      }
      const dataKey =
        header === undefined ? random(KEY_BYTES).slice() : await unseal(header, current)
      try {
        await write(dataKey, next)
      } finally {
        dataKey.fill(0)
      }
    }
  }
}

/** The parameters are in the clear; sealing them into the place makes a change of them show. */
function placeOf(stretch: StretchParameters | null): string {
  return `${VAULT_HEADER_KEY}|${bytesToHex(encodeCanonical(cborOf(stretch)))}`
}

function cborOf(stretch: StretchParameters | null): CborValue {
  if (stretch === null) return null
  const { salt, memoryKiB, passes, lanes } = stretch
  return { salt, memoryKiB, passes, lanes }
}

function encodeHeader({ stretch, key }: Header): Uint8Array {
  return encodeCanonical({ v: VERSION, stretch: cborOf(stretch), key })
}

function decodeHeader(bytes: Uint8Array): Header {
  return decodeStored('vault header', bytes, MAX_HEADER_BYTES, VERSION, (value) => {
    const map = readMap(value, 'vault header', ['v', 'stretch', 'key'])
    const stretch = map['stretch'] === null ? null : readStretch(map['stretch'])
    return { stretch, key: readBytes(map['key'], 'key', KEY_BYTES, MAX_HEADER_BYTES) }
  })
}

function readStretch(value: CborValue | undefined): StretchParameters {
  const map = readMap(value, 'stretch', ['salt', 'memoryKiB', 'passes', 'lanes'])
  return {
    salt: readBytes(map['salt'], 'salt', SALT_BYTES),
    memoryKiB: readInteger(map['memoryKiB'], 'memoryKiB', 8, MAX_MEMORY_KIB),
    passes: readInteger(map['passes'], 'passes', 1, MAX_PASSES),
    lanes: readInteger(map['lanes'], 'lanes', 1, MAX_LANES)
  }
}

function assertKey(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === KEY_BYTES) return bytes
  throw new DeadDropError('storage-corrupt', `data key is ${bytes.byteLength}, expected 32 bytes`)
}

function wrong(cause?: unknown): DeadDropError {
  return new DeadDropError('passphrase-wrong', 'passphrase does not open the data', { cause })
}
