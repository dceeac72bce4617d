import { DeadDropError } from '#protocol/errors.ts'
import { MAX_DIGEST_LOGS } from '#protocol/limits.ts'

/** What a digest says about one log; both parts are unsigned 64-bit. */
export interface DigestItem {
  /** The first 8 bytes of the hash in the log's address. */
  readonly tag: bigint
  /** Of the log with its heads, under the salt of the digest. */
  readonly fingerprint: bigint
}

/** Asks a peer about many logs at once. */
export interface Digest {
  /** Fresh for each digest: nobody can prepare two states of a log that look the same under it. */
  readonly salt: Uint8Array
  readonly items: readonly DigestItem[]
}

/** What a peer says about one log of a digest. `unknown`: it does not follow the log. */
export type Comparison = (typeof COMPARISONS)[number]

export const SALT_BYTES = 8
const ITEM_BYTES = 16
const FINGERPRINT_OFFSET = 8

/** Two bits for each log, the first log in the lowest bits; 3 means nothing. */
const COMPARISONS = ['unknown', 'same', 'different'] as const
const BITS = 2
const PER_BYTE = 4

export const MAX_DIGEST_BYTES = SALT_BYTES + MAX_DIGEST_LOGS * ITEM_BYTES

/** @param digest - of 1..`MAX_DIGEST_LOGS` logs. */
export function encodeDigest({ salt, items }: Digest): Uint8Array {
  const bytes = new Uint8Array(SALT_BYTES + items.length * ITEM_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(salt)
  items.forEach(({ tag, fingerprint }, position) => {
    const at = SALT_BYTES + position * ITEM_BYTES
    view.setBigUint64(at, tag)
    view.setBigUint64(at + FINGERPRINT_OFFSET, fingerprint)
  })
  return bytes
}

/** @throws {DeadDropError} `bytes-malformed` or `bytes-too-large` for what {@link encodeDigest} cannot give. */
export function decodeDigest(bytes: Uint8Array): Digest {
  if (bytes.byteLength > MAX_DIGEST_BYTES) {
    throw new DeadDropError(
      'bytes-too-large',
      `digest is ${bytes.byteLength} bytes, allowed 0..${MAX_DIGEST_BYTES}`
    )
  }
  const count = (bytes.byteLength - SALT_BYTES) / ITEM_BYTES
  if (!Number.isInteger(count) || count < 1)
    throw new DeadDropError('bytes-malformed', 'digest is not a salt and one or more logs')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    salt: bytes.slice(0, SALT_BYTES),
    items: Array.from({ length: count }, (_, position) => {
      const at = SALT_BYTES + position * ITEM_BYTES
      return {
        tag: view.getBigUint64(at),
        fingerprint: view.getBigUint64(at + FINGERPRINT_OFFSET)
      }
    })
  }
}

export function encodeComparisons(comparisons: readonly Comparison[]): Uint8Array {
  const bytes = new Uint8Array(comparisonBytes(comparisons.length))
  comparisons.forEach((comparison, position) => {
    const at = Math.floor(position / PER_BYTE)
    const shift = (position % PER_BYTE) * BITS
    bytes[at] = (bytes[at] ?? 0) | (COMPARISONS.indexOf(comparison) << shift)
  })
  return bytes
}

/**
 * @param count - logs in the digest that is answered.
 * @throws {DeadDropError} `bytes-malformed` unless `bytes` is the one encoding of `count` comparisons.
 */
export function decodeComparisons(bytes: Uint8Array, count: number): readonly Comparison[] {
  if (bytes.byteLength !== comparisonBytes(count)) {
    throw new DeadDropError(
      'bytes-malformed',
      `answer to a digest is ${bytes.byteLength} bytes, expected ${comparisonBytes(count)}`
    )
  }
  return Array.from({ length: bytes.byteLength * PER_BYTE }, (_, position) => {
    const byte = bytes[Math.floor(position / PER_BYTE)] ?? 0
    const value = (byte >> ((position % PER_BYTE) * BITS)) & (2 ** BITS - 1)
    const comparison = COMPARISONS[value]
    if (comparison === undefined || (position >= count && value !== 0))
      throw new DeadDropError('bytes-malformed', 'answer to a digest has bits that mean nothing')
    return comparison
  }).slice(0, count)
}

/** Length of the answer to a digest of `count` logs. */
export function comparisonBytes(count: number): number {
  return Math.ceil(count / PER_BYTE)
}
