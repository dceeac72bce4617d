import { DeadDropError } from '#protocol/errors.ts'
import type { SkippedKeys } from './receive-ratchet.ts'

/** Key (32 bytes) and nonce (12 bytes). */
const KEY_BYTES = 44
/** u32 leaf index, u32 generation, key. */
const RECORD_BYTES = 8 + KEY_BYTES

/** Packs the keys of overtaken messages: records of leaf index, generation and key, in insertion order (oldest first). */
export function encodeSkipped(skipped: ReadonlyMap<number, SkippedKeys>): Uint8Array {
  const records = [...skipped].flatMap(([leafIndex, keys]) =>
    [...keys].map(([generation, key]) => ({ leafIndex, generation, key }))
  )
  const bytes = new Uint8Array(records.length * RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [index, { leafIndex, generation, key }] of records.entries()) {
    const offset = index * RECORD_BYTES
    view.setUint32(offset, leafIndex)
    view.setUint32(offset + 4, generation)
    bytes.set(key, offset + 8)
  }
  return bytes
}

/** @throws {DeadDropError} `bytes-malformed` when the length is not that of whole records. */
export function decodeSkipped(bytes: Uint8Array): ReadonlyMap<number, SkippedKeys> {
  if (bytes.byteLength % RECORD_BYTES !== 0) {
    throw new DeadDropError('bytes-malformed', 'skipped keys are not whole records')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const skipped = new Map<number, Map<number, Uint8Array>>()
  for (let offset = 0; offset < bytes.byteLength; offset += RECORD_BYTES) {
    const leafIndex = view.getUint32(offset)
    const keys = skipped.get(leafIndex) ?? new Map<number, Uint8Array>()
    keys.set(view.getUint32(offset + 4), bytes.slice(offset + 8, offset + RECORD_BYTES))
    skipped.set(leafIndex, keys)
  }
  return skipped
}
