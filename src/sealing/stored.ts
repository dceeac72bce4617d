import { decodeCanonical, type CborValue } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'

/**
 * Decodes a record that this device wrote for itself: canonical CBOR, a map whose field `v` is its version.
 *
 * @param subject - names the record in the error.
 * @throws {DeadDropError} `data-newer` when `v` is greater than `version`; `storage-corrupt` for everything else that
 *   `read` or the decoder refuses.
 */
export function decodeStored<T>(
  subject: string,
  bytes: Uint8Array,
  maxBytes: number,
  version: number,
  read: (value: CborValue) => T
): T {
  let found: number
  try {
    const value = decodeCanonical(bytes, maxBytes)
    found = versionOf(value)
    if (found === version) return read(value)
  } catch (cause) {
    throw new DeadDropError('storage-corrupt', `stored ${subject} cannot be read`, { cause })
  }
  if (found > version) {
    throw new DeadDropError(
      'data-newer',
      `stored ${subject} has version ${found}, known is ${version}`
    )
  }
  throw new DeadDropError(
    'storage-corrupt',
    `stored ${subject} has version ${found}, known is ${version}`
  )
}

function versionOf(value: CborValue): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 0
  const version: unknown = Object.entries(value).find(([key]) => key === 'v')?.[1]
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : 0
}
