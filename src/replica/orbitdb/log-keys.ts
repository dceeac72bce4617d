import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { blockKey } from '../storage/store-blockstore.ts'

/**
 * Where the parts of a log are in the store. Blocks are not here: they lie under their own name (`blockKey`).
 *
 * - `state`: counters and heads, as one value
 * - `index/<hash>`: {@link IndexRow}; its presence means "in the log"
 * - `order/<time>/<hash>`: the order that all replicas agree on
 * - `arrival/<n>`: hash; the order of this replica, which is causal too
 */
export interface LogKeys {
  readonly state: string
  /** Present while a log is being deleted. */
  readonly forgetting: string
  /** Block of the log's manifest: its hash is the address. */
  readonly manifest: string
  index(hash: string): string
  order(time: number, hash: string): string
  arrival(position: number): string
  readonly indexes: { readonly from: string; readonly to: string }
  readonly orders: { readonly from: string; readonly to: string }
  readonly everything: { readonly from: string; readonly to: string }
  /** Range of arrivals `> after`. */
  arrivalsAfter(after: number): { readonly from: string; readonly to: string }
}

/** Digits of 2^40, so that text order is number order. */
const TIME_DIGITS = 13
const ARRIVAL_DIGITS = 12

export function createLogKeys(address: LogAddress): LogKeys {
  const manifestHash = address.slice('/orbitdb/'.length)
  const prefix = `log/${manifestHash}`
  const arrival = (position: number): string =>
    `${prefix}/arrival/${String(position).padStart(ARRIVAL_DIGITS, '0')}`
  return {
    state: `${prefix}/state`,
    forgetting: `${prefix}/forgetting`,
    manifest: blockKey(manifestHash),
    index: (hash) => `${prefix}/index/${hash}`,
    order: (time, hash) => `${prefix}/order/${String(time).padStart(TIME_DIGITS, '0')}/${hash}`,
    arrival,
    // '0' follows '/' in ASCII.
    indexes: { from: `${prefix}/index/`, to: `${prefix}/index0` },
    orders: { from: `${prefix}/order/`, to: `${prefix}/order0` },
    everything: { from: `${prefix}/`, to: `${prefix}0` },
    arrivalsAfter: (after) => ({ from: arrival(after + 1), to: `${prefix}/arrival0` })
  }
}

/** Hash at the end of an `index` or `order` key. */
export function hashOfKey(key: string): EntryHash {
  return key.slice(key.lastIndexOf('/') + 1) as EntryHash // written by `index` and `order` only
}

/** What the index knows of an entry without reading it. */
export interface IndexRow {
  readonly arrival: number
  readonly time: number
}

export function encodeIndexRow(row: IndexRow): Uint8Array {
  return new TextEncoder().encode(`${row.arrival} ${row.time}`)
}

/** @returns `undefined` when the row is damaged. */
export function decodeIndexRow(bytes: Uint8Array): IndexRow | undefined {
  const match = /^([0-9]+) ([0-9]+)$/.exec(new TextDecoder().decode(bytes))
  return match === null ? undefined : { arrival: Number(match[1]), time: Number(match[2]) }
}
