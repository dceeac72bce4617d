/** Smallest padded length: receipts, acknowledgements and short texts all look alike. */
const FLOOR_BYTES = 256

/** Bytes of the length field in front of the content. */
const LENGTH_BYTES = 4

/**
 * Length after Padmé padding with a floor of 256 bytes: at most 12 % longer, and the length tells O(log log n) bits.
 *
 * @param length - bytes to hide, 0..2^30.
 * @see https://petsymposium.org/popets/2019/popets-2019-0056.pdf (section 4, algorithm 1)
 */
export function padmeLength(length: number): number {
  if (length <= FLOOR_BYTES) return FLOOR_BYTES
  const exponent = 31 - Math.clz32(length)
  const significantBits = 32 - Math.clz32(exponent)
  const mask = 2 ** (exponent - significantBits) - 1
  return length + mask - ((length + mask) % (mask + 1))
}

/** Length of {@link pad} for `length` bytes of content. */
export function paddedLength(length: number): number {
  return padmeLength(length + LENGTH_BYTES)
}

/** u32 big-endian length, content, zeros up to {@link paddedLength}. */
export function pad(content: Uint8Array): Uint8Array {
  const padded = new Uint8Array(paddedLength(content.byteLength))
  new DataView(padded.buffer).setUint32(0, content.byteLength)
  padded.set(content, LENGTH_BYTES)
  return padded
}

/** Undoes {@link pad}. Anything that {@link pad} does not produce (wrong size, padding that is not zero) is `undefined`. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  if (padded.byteLength < FLOOR_BYTES) return undefined
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0)
  if (length > padded.byteLength - LENGTH_BYTES) return undefined
  if (paddedLength(length) !== padded.byteLength) return undefined
  const end = LENGTH_BYTES + length
  if (padded.subarray(end).some((byte) => byte !== 0)) return undefined
  return padded.slice(LENGTH_BYTES, end)
}
