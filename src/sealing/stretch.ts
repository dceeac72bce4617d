import { DeadDropError } from '#protocol/errors.ts'
import {
  MAX_PASSPHRASE_CHARACTERS as MAX,
  MIN_PASSPHRASE_CHARACTERS as MIN
} from '#protocol/limits.ts'

/** How much work one try at a passphrase is, and the salt that makes it work for one device only. */
export interface StretchParameters {
  /** 16 bytes. */
  readonly salt: Uint8Array
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

/** Makes a key of 32 bytes out of a passphrase, slowly. The caller erases both. */
export type Stretch = (passphrase: Uint8Array, parameters: StretchParameters) => Promise<Uint8Array>

export const STRETCHED_BYTES = 32
export const SALT_BYTES = 16

/**
 * Argon2id, version 0x13. WebAssembly where it may run, otherwise the same in JavaScript, four times slower: never
 * another function, which would be another key.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9106
 */
export const stretchByArgon2id: Stretch = async (passphrase, parameters) => {
  const { salt, memoryKiB, passes, lanes } = parameters
  try {
    const { argon2id } = await import('hash-wasm')
    return await argon2id({
      password: passphrase,
      salt,
      memorySize: memoryKiB,
      iterations: passes,
      parallelism: lanes,
      hashLength: STRETCHED_BYTES,
      outputType: 'binary'
    })
  } catch {
    const { argon2idAsync } = await import('@noble/hashes/argon2.js')
    return argon2idAsync(passphrase, salt, {
      m: memoryKiB,
      t: passes,
      p: lanes,
      dkLen: STRETCHED_BYTES
    })
  }
}

/**
 * Checks a passphrase that somebody wants to set.
 *
 * @throws {DeadDropError} `passphrase-too-short`, `passphrase-too-long`
 */
export function assertPassphrase(passphrase: string): void {
  const length = Array.from(passphrase.normalize('NFKC')).length
  if (length < MIN) {
    throw new DeadDropError('passphrase-too-short', `passphrase has ${length}, expected ${MIN}`)
  }
  if (length > MAX) {
    throw new DeadDropError('passphrase-too-long', `passphrase has ${length}, allowed ${MAX}`)
  }
}

/** The bytes that are stretched: UTF-8 of NFKC, so that every keyboard types the same passphrase. */
export function passphraseBytes(passphrase: string): Uint8Array {
  return new TextEncoder().encode(passphrase.normalize('NFKC'))
}
