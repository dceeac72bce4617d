import * as dagCbor from '@ipld/dag-cbor'
import { MAX_CBOR_DEPTH } from './limits.ts'
import { DeadDropError } from './errors.ts'

/** What a decoder may expect from a peer: everything else is checked with the `read…` functions below. */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborValue[]
  | { readonly [key: string]: CborValue }

/**
 * Encodes to canonical dag-cbor: one value, one byte string.
 *
 * @see https://ipld.io/specs/codecs/dag-cbor/spec/
 */
export function encodeCanonical(value: CborValue): Uint8Array {
  return dagCbor.encode(value)
}

/**
 * Decodes canonical dag-cbor from a peer.
 *
 * @param maxBytes - checked before anything is parsed.
 * @throws {DeadDropError} `bytes-too-large`, or `bytes-malformed` when the bytes are not dag-cbor, are nested deeper
 *   than {@link MAX_CBOR_DEPTH}, or are not the canonical encoding of what they mean.
 */
export function decodeCanonical(bytes: Uint8Array, maxBytes: number): CborValue {
  if (bytes.byteLength > maxBytes) {
    throw new DeadDropError(
      'bytes-too-large',
      `message is ${bytes.byteLength} bytes, allowed 0..${maxBytes}`
    )
  }
  let value: CborValue
  try {
    value = dagCbor.decode<CborValue>(bytes)
    assertDepth(value, 0)
  } catch (cause) {
    throw new DeadDropError('bytes-malformed', 'message is not dag-cbor', { cause })
  }
  // The decoder accepts map keys in any order; a second encoding of one value would be a second name for it.
  if (!equalBytes(dagCbor.encode(value), bytes)) {
    throw new DeadDropError('bytes-malformed', 'message is not canonical dag-cbor')
  }
  return value
}

/** Constant-shape comparison of two byte strings; not for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false
  return true
}

function assertDepth(value: CborValue, depth: number): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  if (depth >= MAX_CBOR_DEPTH)
    throw new DeadDropError('bytes-malformed', `nesting is deeper than ${MAX_CBOR_DEPTH}`)
  for (const child of Object.values(value)) assertDepth(child, depth + 1)
}

function isMap(value: CborValue | undefined): value is { readonly [key: string]: CborValue } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Uint8Array) &&
    !Array.isArray(value)
  )
}

function malformed(subject: string, expected: string): DeadDropError {
  return new DeadDropError('bytes-malformed', `${subject} is not ${expected}`)
}

/** @throws {DeadDropError} `bytes-malformed` unless `value` is a map with exactly the keys `keys` (plus any of `optional`). */
export function readMap(
  value: CborValue | undefined,
  subject: string,
  keys: readonly string[],
  optional: readonly string[] = []
): { readonly [key: string]: CborValue } {
  if (!isMap(value)) throw malformed(subject, 'a map')
  const present = Object.keys(value)
  const isExact =
    keys.every((key) => Object.hasOwn(value, key)) &&
    present.every((key) => keys.includes(key) || optional.includes(key))
  if (!isExact)
    throw malformed(subject, `a map with exactly the fields ${[...keys].sort().join(', ')}`)
  return value
}

/** @throws {DeadDropError} `bytes-malformed` unless `value` is a byte string of `min..max` bytes. */
export function readBytes(
  value: CborValue | undefined,
  subject: string,
  min: number,
  max = min
): Uint8Array {
  if (!(value instanceof Uint8Array) || value.byteLength < min || value.byteLength > max) {
    throw malformed(subject, min === max ? `${min} bytes` : `${min}..${max} bytes`)
  }
  return value
}

/** @throws {DeadDropError} `bytes-malformed` unless `value` is a string of at most `maxCharacters` UTF-16 units. */
export function readText(
  value: CborValue | undefined,
  subject: string,
  maxCharacters: number
): string {
  if (typeof value !== 'string' || value.length > maxCharacters) {
    throw malformed(subject, `text of at most ${maxCharacters} characters`)
  }
  return value
}

/** @throws {DeadDropError} `bytes-malformed` unless `value` is a safe integer in `min..max`. */
export function readInteger(
  value: CborValue | undefined,
  subject: string,
  min: number,
  max: number
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw malformed(subject, `an integer in ${min}..${max}`)
  }
  return value
}

/** @throws {DeadDropError} `bytes-malformed` unless `value` is a list of at most `maxItems`; each item is read by `readItem`. */
export function readList<T>(
  value: CborValue | undefined,
  subject: string,
  maxItems: number,
  readItem: (item: CborValue, subject: string) => T
): T[] {
  if (!Array.isArray(value) || value.length > maxItems)
    throw malformed(subject, `a list of at most ${maxItems} items`)
  return (value as readonly CborValue[]).map((item) => readItem(item, `item of ${subject}`))
}
