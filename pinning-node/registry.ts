import { hexToBytes } from '@noble/hashes/utils.js'
import type { LogAddress } from '#protocol/brand.ts'
import type { CborValue } from '#protocol/cbor.ts'
import {
  decodeCanonical,
  encodeCanonical,
  readBytes,
  readInteger,
  readMap
} from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { createLogManifest, readLogAddress } from '#protocol/log-manifest.ts'
import type { PinKind } from '#protocol/pin-messages.ts'

/** A log that this node promised to hold. */
export interface PinnedLog {
  readonly address: LogAddress
  readonly manifest: LogManifest
  readonly kind: PinKind
  readonly createdAtMs: number
  readonly lastRequestAtMs: number
  readonly heldUntilMs: number
}

/** The promises of this node, in memory and on disk. */
export interface Registry {
  get(address: LogAddress): PinnedLog | undefined
  all(): readonly PinnedLog[]
  size(): number
  /**
   * @param also - written in the same batch.
   * @param options.isDurable - survives a power cut, with everything that the same store wrote before.
   * @throws {DeadDropError} `storage-full` or `storage-denied`; the old record stays then.
   */
  put(
    record: PinnedLog,
    also: readonly KeyValueWrite[],
    options: { readonly isDurable: boolean }
  ): Promise<void>
  remove(address: LogAddress): Promise<void>
}

const PREFIX = 'pin/log/'
const VERSION = 1
const MAX_RECORD_BYTES = 1_024
const MAX_MS = Number.MAX_SAFE_INTEGER

/**
 * Reads all records.
 *
 * @throws {DeadDropError} `data-newer` when a later version wrote one, `storage-corrupt` when one is broken.
 */
export async function openRegistry(store: KeyValueStore): Promise<Registry> {
  const records = new Map<LogAddress, PinnedLog>()
  for await (const [key, bytes] of store.entries({ from: PREFIX, to: afterPrefix(PREFIX) })) {
    const record = decodeRecord(key.slice(PREFIX.length), bytes)
    records.set(record.address, record)
  }
  return {
    get: (address) => records.get(address),
    all: () => [...records.values()],
    size: () => records.size,
    async put(record, also, options) {
      const before = records.get(record.address)
      // In memory first: who asks during the write must see the place taken.
      records.set(record.address, record)
      try {
        await store.write(
          [{ key: PREFIX + record.address, value: encodeRecord(record) }, ...also],
          options
        )
      } catch (error) {
        if (records.get(record.address) === record) {
          if (before === undefined) records.delete(record.address)
          else records.set(record.address, before)
        }
        throw error
      }
    },
    async remove(address) {
      await store.write([{ key: PREFIX + address, value: null }], { isDurable: true })
      records.delete(address)
    }
  }
}

/** The first key that does not begin with `prefix`, which ends in `/`. */
function afterPrefix(prefix: string): string {
  return `${prefix.slice(0, -1)}0`
}

function encodeRecord(record: PinnedLog): Uint8Array {
  return encodeCanonical({
    v: VERSION,
    name: hexToBytes(record.manifest.name),
    gate: hexToBytes(record.manifest.gatePublicKey),
    isDrop: record.kind === 'drop',
    createdAtMs: record.createdAtMs,
    lastRequestAtMs: record.lastRequestAtMs,
    heldUntilMs: record.heldUntilMs
  })
}

function decodeRecord(name: string, bytes: Uint8Array): PinnedLog {
  const value = decodeOwn(bytes)
  const version = versionOf(value)
  if (version > VERSION) {
    throw new DeadDropError(
      'data-newer',
      `record of a held log has version ${version}, known are 1..${VERSION}`
    )
  }
  try {
    const map = readMap(value, 'record of a held log', [
      'v',
      'name',
      'gate',
      'isDrop',
      'createdAtMs',
      'lastRequestAtMs',
      'heldUntilMs'
    ])
    const manifest = createLogManifest(
      readBytes(map['name'], 'log name', 24),
      readBytes(map['gate'], 'gate key', 32)
    )
    return {
      // Of the manifest, as `put` has it: to compute it again for each log takes a third of a large node's start.
      address: readLogAddress(name),
      manifest,
      kind: map['isDrop'] === true ? 'drop' : 'conversation',
      createdAtMs: readInteger(map['createdAtMs'], 'creation time', 0, MAX_MS),
      lastRequestAtMs: readInteger(map['lastRequestAtMs'], 'request time', 0, MAX_MS),
      heldUntilMs: readInteger(map['heldUntilMs'], 'end of promise', 0, MAX_MS)
    }
  } catch (cause) {
    throw new DeadDropError('storage-corrupt', 'record of a held log is broken', { cause })
  }
}

function versionOf(value: CborValue): number {
  const isMap =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  const version = isMap && 'v' in value ? value['v'] : undefined
  return typeof version === 'number' ? version : 0
}

function decodeOwn(bytes: Uint8Array): CborValue {
  try {
    return decodeCanonical(bytes, MAX_RECORD_BYTES)
  } catch (cause) {
    throw new DeadDropError('storage-corrupt', 'record of a held log is not canonical cbor', {
      cause
    })
  }
}
