import { ed25519 } from '@noble/curves/ed25519.js'
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js'

/** An Ed25519 key pair that signs (RFC 8032). */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** @returns 64 bytes; deterministic. */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** DER of a PKCS #8 Ed25519 private key up to the seed (RFC 8410 section 7). */
const PKCS8_PREFIX = hexToBytes('302e020100300506032b657004220420')

/**
 * Signs with WebCrypto where the platform has Ed25519 (native, off the main thread), with noble otherwise. Both give the
 * same bytes.
 *
 * @param seed - 32 bytes; copied.
 */
export function createSigner(
  seed: Uint8Array,
  subtle: SubtleCrypto = globalThis.crypto.subtle
): Signer {
  const secret = seed.slice()
  let imported: Promise<CryptoKey> | undefined
  let isNative = true

  let publicKey: Uint8Array | undefined

  return {
    get publicKey() {
      publicKey ??= ed25519.getPublicKey(secret)
      return publicKey
    },
    async sign(message) {
      if (isNative) {
        try {
          imported ??= subtle.importKey(
            'pkcs8',
            concatBytes(PKCS8_PREFIX, secret).slice(),
            'Ed25519',
            false,
            ['sign']
          )
          return new Uint8Array(await subtle.sign('Ed25519', await imported, message.slice()))
        } catch {
          // An engine without Ed25519, or a page without WebCrypto: the portable code gives the same signature.
          isNative = false
        }
      }
      return ed25519.sign(message, secret)
    }
  }
}
