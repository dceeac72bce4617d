import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import type { SealedBytes } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { pad, paddedLength, padmeLength, unpad } from './padding.ts'
import type { RandomBytes } from './components.ts'

const NONCE_BYTES = 24
const TAG_BYTES = 16

/** Length of {@link sealEnvelope} for `length` bytes of content. */
export function envelopeLength(length: number): number {
  return NONCE_BYTES + paddedLength(length) + TAG_BYTES
}

/**
 * The only thing that a log stores: `nonce24 | XChaCha20-Poly1305(key, nonce, pad(content))`. Says nothing about type,
 * group or epoch; the length is one of few.
 *
 * @param key - 32 bytes. Random 24-byte nonces: any number of envelopes under one key.
 * @throws {DeadDropError} `bytes-too-large` when the envelope would exceed `maxBytes`.
 */
export function sealEnvelope(
  components: { readonly random: RandomBytes },
  key: Uint8Array,
  content: Uint8Array,
  maxBytes = MAX_SEALED_BYTES
): SealedBytes {
  const length = envelopeLength(content.byteLength)
  if (length > maxBytes) {
    throw new DeadDropError(
      'bytes-too-large',
      `envelope is ${length} bytes, allowed 1..${maxBytes}`
    )
  }
  const nonce = components.random(NONCE_BYTES)
  const envelope = new Uint8Array(length)
  envelope.set(nonce)
  envelope.set(xchacha20poly1305(key, nonce).encrypt(pad(content)), NONCE_BYTES)
  return envelope as SealedBytes // the brand is made by what seals: here and in welcome-packet.ts
}

/** Whether an envelope can have this length at all. Cheap: asked before any key is tried. */
export function isEnvelopeLength(length: number): boolean {
  const padded = length - NONCE_BYTES - TAG_BYTES
  return length <= MAX_SEALED_BYTES && padded > 0 && padmeLength(padded) === padded
}

/** Undoes {@link sealEnvelope}. `undefined` for another key, for hostile bytes and for any length that is not possible. */
export function openEnvelope(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (!isEnvelopeLength(sealed.byteLength)) return undefined
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES)
    return unpad(xchacha20poly1305(key, nonce).decrypt(sealed.subarray(NONCE_BYTES)))
  } catch {
    return undefined
  }
}
