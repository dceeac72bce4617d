import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { DeadDropError } from '#protocol/errors.ts'
import type { RandomBytes } from './components.ts'

/** Seals what lies on this device's disk. Says nothing about who wrote a record, only that this device did. */
export interface Vault {
  /**
   * AES-256-GCM under a random 96-bit nonce: `version | nonce12 | ciphertext`, 29 bytes longer than `bytes`.
   *
   * @param record - name of the place where the result is kept; it opens nowhere else.
   */
  seal(record: string, bytes: Uint8Array): Promise<Uint8Array>
  /** @throws {DeadDropError} `data-newer` for a version of the future; `storage-corrupt` for another key, another record, or changed bytes. */
  open(record: string, sealed: Uint8Array): Promise<Uint8Array>
}

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * @param components.key - AES-GCM, 256 bits, for `encrypt` and `decrypt`; need not be extractable.
 *   2^32 records under one key keep the chance of a repeated nonce below 2^-32 (NIST SP 800-38D section 8.3).
 */
export function createVault(components: {
  readonly key: CryptoKey
  readonly random: RandomBytes
  readonly subtle?: SubtleCrypto
}): Vault {
  const { key, random, subtle = globalThis.crypto.subtle } = components
  return {
    async seal(record, bytes) {
      const nonce = random(NONCE_BYTES).slice()
      const additionalData = additionalDataOf(record)
      const ciphertext = await subtle.encrypt(
        { name: 'AES-GCM', iv: nonce, additionalData },
        key,
        bytes.slice()
      )
      return concatBytes(Uint8Array.of(VERSION), nonce, new Uint8Array(ciphertext))
    },

    async open(record, sealed) {
      const version = sealed[0] ?? 0
      if (version > VERSION && sealed.byteLength >= 1 + NONCE_BYTES + TAG_BYTES) {
        throw new DeadDropError('data-newer', `record has version ${version}, known is ${VERSION}`)
      }
      if (version !== VERSION || sealed.byteLength < 1 + NONCE_BYTES + TAG_BYTES) {
        throw new DeadDropError('storage-corrupt', 'record is not a sealed record')
      }
      const iv = sealed.slice(1, 1 + NONCE_BYTES)
      const additionalData = additionalDataOf(record)
      try {
        const plain = await subtle.decrypt(
          { name: 'AES-GCM', iv, additionalData },
          key,
          sealed.slice(1 + NONCE_BYTES)
        )
        return new Uint8Array(plain)
      } catch (cause) {
        throw new DeadDropError('storage-corrupt', 'record does not open under this key', { cause })
      }
    }
  }
}

/** Imports a vault key. It cannot be read back. @param bytes - 32 bytes; the caller erases them. */
export function importVaultKey(
  bytes: Uint8Array,
  subtle: SubtleCrypto = globalThis.crypto.subtle
): Promise<CryptoKey> {
  return subtle.importKey('raw', bytes.slice(), 'AES-GCM', false, ['encrypt', 'decrypt'])
}

function additionalDataOf(record: string): Uint8Array<ArrayBuffer> {
  return utf8ToBytes(`dd/vault/v${VERSION}|${record}`).slice()
}
