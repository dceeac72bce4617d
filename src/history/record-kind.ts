import type { CborValue } from '#protocol/cbor.ts'
import { decodeCanonical, encodeCanonical } from '#protocol/cbor.ts'

/**
 * A family of small records with one codec: the identity, settings, contacts, drafts, invites … Declared once by whoever
 * owns the meaning; history only keeps the bytes, encrypted.
 */
export interface RecordKind<T> {
  /** Lower-case letters and dashes; never renamed. Names the kind in errors. */
  readonly name: string
  encode(value: T): Uint8Array
  /** May throw: history reports such a record as `storage-corrupt`. */
  decode(bytes: Uint8Array): T
}

/** One record to store with a change; `bytes: null` deletes. Made by {@link putRecord} and {@link deleteRecord}. */
export interface RecordWrite {
  readonly kind: string
  readonly id: string
  readonly bytes: Uint8Array | null
}

/** Largest encoding of one record that is read back, bytes. Catches corruption before it becomes an allocation. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024

/** A kind whose value is bytes: identity, session, whatever brings a codec of its own. */
export function bytesRecord(name: string): RecordKind<Uint8Array> {
  return { name, encode: (value) => value, decode: (bytes) => bytes }
}

/** @param read - checks the shape; throws when it is not a `T`. */
export function cborRecord<T>(
  name: string,
  write: (value: T) => CborValue,
  read: (value: CborValue) => T
): RecordKind<T> {
  return {
    name,
    encode: (value) => encodeCanonical(write(value)),
    decode: (bytes) => read(decodeCanonical(bytes, MAX_RECORD_BYTES))
  }
}

/** @param id - random or hashed, never a name or a user id: keys are not encrypted. `self` for the only one of its kind. */
export function putRecord<T>(kind: RecordKind<T>, id: string, value: T): RecordWrite {
  return { kind: kind.name, id, bytes: kind.encode(value) }
}

export function deleteRecord<T>(kind: RecordKind<T>, id: string): RecordWrite {
  return { kind: kind.name, id, bytes: null }
}
