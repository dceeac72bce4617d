import { bytesToHex } from '@noble/hashes/utils.js'
import * as dagCbor from '@ipld/dag-cbor'
import type { LogAddress } from '#protocol/brand.ts'
import type { LogWriter } from '#protocol/gate.ts'

/** Every field of an entry, open to abuse. */
export interface ForgedFields {
  readonly id?: unknown
  readonly payload?: unknown
  readonly next?: unknown
  readonly refs?: unknown
  readonly clock?: unknown
  readonly v?: unknown
  /** Replaces key, identity and signature after signing. */
  readonly key?: unknown
  readonly identity?: unknown
  readonly sig?: unknown
  /** Further fields, not covered by the signature. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** The bytes of an entry that `writer` signed, well formed unless `fields` say otherwise. */
export async function forgeEntry(
  address: LogAddress,
  writer: LogWriter,
  fields: ForgedFields = {}
): Promise<Uint8Array> {
  const value = await forgeValue(address, writer, fields)
  return dagCbor.encode(value)
}

export async function forgeValue(
  address: LogAddress,
  writer: LogWriter,
  fields: ForgedFields = {}
): Promise<Record<string, unknown>> {
  const { extra = {}, key, identity, sig, ...signedOverrides } = fields
  const signed: Record<string, unknown> = {
    id: address,
    payload: { op: 'ADD', key: null, value: Uint8Array.of(1, 2, 3) },
    next: [],
    refs: [],
    clock: { id: writer.publicKey, time: 1 },
    v: 2,
    ...signedOverrides
  }
  const signature = bytesToHex(await writer.sign(dagCbor.encode(signed)))
  return {
    ...signed,
    key: key ?? writer.publicKey,
    identity: identity ?? writer.certificate,
    sig: sig ?? signature,
    ...extra
  }
}

/** The same entry with the two outermost map keys swapped: decodes alike, but has another CID. */
export function reorderMap(bytes: Uint8Array): Uint8Array {
  // An entry is a map of nine; its first two keys are `v` (1 character) and `id` (2), each followed by its value.
  const value = dagCbor.decode<Record<string, unknown>>(bytes)
  const names = Object.keys(value)
  const [first, second, ...rest] = names
  if (first === undefined || second === undefined) throw new Error('not an entry')
  const parts = [second, first, ...rest].map((name) => [
    ...dagCbor.encode(name),
    ...dagCbor.encode(value[name])
  ])
  return Uint8Array.from([0xa0 + names.length, ...parts.flat()])
}
