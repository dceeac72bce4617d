import { ed25519 } from '@noble/curves/ed25519.js'
import {
  defaultCryptoProvider,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  type CiphersuiteImpl,
  type CiphersuiteName
} from 'ts-mls'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import type { RandomBytes } from '../components.ts'
import { createSigner } from '../ed25519-signer.ts'

/** Hybrid post-quantum key encapsulation, ChaCha20-Poly1305, SHA-512, Ed25519. A private number: see docs on interoperability. */
export const SUITE_NAME = 'MLS_256_XWING_CHACHA20POLY1305_SHA512_Ed25519' satisfies CiphersuiteName

/**
 * The cipher suite of every conversation. Randomness is ours, except for encapsulation, which the HPKE library draws from
 * WebCrypto itself; signatures fall back to noble where WebCrypto has no Ed25519. Signature keys are 32-byte seeds.
 */
export async function createSuite(components: {
  readonly random: RandomBytes
  readonly verifier: SignatureVerifier
}): Promise<CiphersuiteImpl> {
  const { random, verifier } = components
  const suite = await getCiphersuiteImpl(getCiphersuiteFromName(SUITE_NAME), defaultCryptoProvider)
  return {
    ...suite,
    hpke: { ...suite.hpke, generateKeyPair: () => suite.hpke.deriveKeyPair(random(32)) },
    rng: { randomBytes: random },
    signature: {
      sign: (seed, message) => createSigner(seed).sign(message),
      verify: (publicKey, message, signature) => verifier.verify(signature, publicKey, message),
      async keygen() {
        const signKey = random(32)
        return { signKey, publicKey: ed25519.getPublicKey(signKey) }
      }
    }
  }
}
