import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { LogAddress } from '#protocol/brand.ts'
import { encodeGateCertificate, gateCertificateMessage, type LogWriter } from '#protocol/gate.ts'
import { createSigner } from './ed25519-signer.ts'

/** Public half of the gate key of a log. @param gateSeed - 32 bytes, known to every member and to nobody else. */
export function gatePublicKeyOf(gateSeed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(gateSeed)
}

/**
 * Admits a writer to a log: the gate key certifies the writer's public key for this one address.
 *
 * @param init.gateSeed - 32 bytes; not kept.
 * @param init.writerSeed - 32 random bytes, one seed per device and log, so that pseudonyms of two logs cannot be linked.
 */
export function createLogWriter(init: {
  readonly gateSeed: Uint8Array
  readonly address: LogAddress
  readonly writerSeed: Uint8Array
}): LogWriter {
  const signer = createSigner(init.writerSeed)
  const publicKey = bytesToHex(signer.publicKey)
  const message = gateCertificateMessage(init.address, publicKey)
  return {
    publicKey,
    certificate: encodeGateCertificate(ed25519.sign(message, init.gateSeed)),
    sign: (bytes) => signer.sign(bytes)
  }
}
