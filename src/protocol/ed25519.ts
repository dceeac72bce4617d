import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** Checks Ed25519 signatures (RFC 8032). Never throws on hostile input: a malformed key or signature is `false`. */
export interface SignatureVerifier {
  /**
   * @param signature - 64 bytes.
   * @param publicKey - 32 bytes.
   */
  verify(signature: Uint8Array, publicKey: Uint8Array, message: Uint8Array): Promise<boolean>
}

const MAX_CACHED_KEYS = 4_096

/**
 * WebCrypto where the platform has Ed25519 (native, off the main thread), noble otherwise. Imported keys are cached:
 * a log has few writers and many entries.
 */
export function createSignatureVerifier(
  subtle: SubtleCrypto = globalThis.crypto.subtle
): SignatureVerifier {
  const keys = new Map<string, Promise<CryptoKey>>()
  let isNative = true

  function importKey(publicKey: Uint8Array): Promise<CryptoKey> {
    const name = bytesToHex(publicKey)
    const cached = keys.get(name)
    if (cached !== undefined) return cached
    const imported = subtle.importKey('raw', publicKey.slice(), 'Ed25519', false, ['verify'])
    imported.catch(() => keys.delete(name))
    keys.set(name, imported)
    if (keys.size > MAX_CACHED_KEYS) {
      const oldest = keys.keys().next()
      if (oldest.done !== true) keys.delete(oldest.value)
    }
    return imported
  }

  return {
    async verify(signature, publicKey, message) {
      if (signature.byteLength !== 64 || publicKey.byteLength !== 32) return false
      if (isNative) {
        try {
          const key = await importKey(publicKey)
          return await subtle.verify('Ed25519', key, plain(signature), plain(message))
        } catch (error) {
          // NotSupportedError: an engine without Ed25519. Anything else (a key that is no point) is the sender's fault.
          if (!(error instanceof Error && error.name === 'NotSupportedError')) return false
          isNative = false
        }
      }
      try {
        return ed25519.verify(signature, message, publicKey, { zip215: false })
      } catch {
        return false
      }
    }
  }
}

/** What WebCrypto takes: it refuses bytes in memory that threads share. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isPlain(bytes) ? bytes : bytes.slice()
}

function isPlain(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
}
