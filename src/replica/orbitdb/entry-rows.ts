import type { EntryHash } from '#protocol/brand.ts'
import { digestOfName, nameOfDigest } from './entry-hash.ts'

/** An entry, or another block, under its hash. */
export interface StoredBlock {
  readonly hash: EntryHash
  readonly bytes: Uint8Array
}

/** Where an entry is, and what is known of it without reading it. */
export interface EntryPlace {
  /** Hash of the manifest of its log. */
  readonly manifestHash: string
  readonly arrival: number
  readonly time: number
}

const DIGEST_BYTES = 32
const ARRIVAL_DIGITS = 12
const NUMBER_BYTES = 8
const PLACE_BYTES = 2 * NUMBER_BYTES
const HIGH = 2 ** 32

/** Key of a block that is no entry: the manifest of a log, or what bitswap fetched. */
export function blockKey(hash: string): string {
  return `block/${hash}`
}

/** Key of an {@link EntryPlace}. */
export function entryKey(hash: string): string {
  return `entry/${hash}`
}

/** Key of the row of an entry, see {@link encodeEntryRow}. */
export function arrivalKey(manifestHash: string, position: number): string {
  return `log/${manifestHash}/${String(position).padStart(ARRIVAL_DIGITS, '0')}`
}

/** 32 bytes of SHA-256, then the entry: who sends it on need not hash it again, and damage shows. */
export function encodeEntryRow({ hash, bytes }: StoredBlock): Uint8Array {
  const row = new Uint8Array(DIGEST_BYTES + bytes.byteLength)
  row.set(digestOfName(hash))
  row.set(bytes, DIGEST_BYTES)
  return row
}

/** @returns `undefined` for a row that is too short to be one. Whether the digest is right is not checked. */
export function decodeEntryRow(row: Uint8Array): StoredBlock | undefined {
  if (row.byteLength <= DIGEST_BYTES) return undefined
  return {
    hash: nameOfDigest(row.subarray(0, DIGEST_BYTES)),
    bytes: row.subarray(DIGEST_BYTES)
  }
}

/** Arrival and time as unsigned 64-bit numbers, then the manifest hash in ASCII. */
export function encodePlace({ manifestHash, arrival, time }: EntryPlace): Uint8Array {
  const bytes = new Uint8Array(PLACE_BYTES + manifestHash.length)
  const view = new DataView(bytes.buffer)
  writeNumber(view, 0, arrival)
  writeNumber(view, NUMBER_BYTES, time)
  for (let i = 0; i < manifestHash.length; i++) bytes[PLACE_BYTES + i] = manifestHash.charCodeAt(i)
  return bytes
}

/** @returns `undefined` when the row is damaged. */
export function decodePlace(bytes: Uint8Array): EntryPlace | undefined {
  if (bytes.byteLength <= PLACE_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const arrival = readNumber(view, 0)
  const time = readNumber(view, NUMBER_BYTES)
  if (!Number.isSafeInteger(arrival) || !Number.isSafeInteger(time)) return undefined
  return { manifestHash: String.fromCharCode(...bytes.subarray(PLACE_BYTES)), arrival, time }
}

function writeNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / HIGH))
  view.setUint32(at + 4, value % HIGH)
}

function readNumber(view: DataView, at: number): number {
  return view.getUint32(at) * HIGH + view.getUint32(at + 4)
}
