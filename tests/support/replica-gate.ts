import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { LogAddress, SealedBytes } from '#protocol/brand.ts'
import { encodeGateCertificate, gateCertificateMessage } from '#protocol/gate.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { createLogManifest, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'

/** A log's gate with its private half, as members derive it from the group. */
export interface TestGate {
  readonly manifest: LogManifest
  readonly address: LogAddress
  /** A new pseudonym that the gate admits. */
  admitWriter(): LogWriter
  /** A certificate of this gate for any key. */
  certify(publicKey: string): string
}

export function createTestGate(): TestGate {
  const secret = ed25519.utils.randomSecretKey()
  const manifest = createLogManifest(
    globalThis.crypto.getRandomValues(new Uint8Array(24)),
    ed25519.getPublicKey(secret)
  )
  const address = logAddressOf(manifest)
  const certify = (publicKey: string): string =>
    encodeGateCertificate(ed25519.sign(gateCertificateMessage(address, publicKey), secret))
  return {
    manifest,
    address,
    certify,
    admitWriter: () => createTestWriter(certify)
  }
}

/** A writer whose certificate is whatever `certify` says, valid or not. */
export function createTestWriter(certify: (publicKey: string) => string): LogWriter {
  const secret = ed25519.utils.randomSecretKey()
  const publicKey = bytesToHex(ed25519.getPublicKey(secret))
  return {
    publicKey,
    certificate: certify(publicKey),
    sign: async (message) => ed25519.sign(message, secret)
  }
}

/** Bytes that stand for a sealed envelope: what the log must not understand is text here, so that tests can name it. */
export function sealText(text: string): SealedBytes {
  return new TextEncoder().encode(text) as SealedBytes // the log is blind: any bytes are an envelope to it
}

export function openText(sealed: SealedBytes): string {
  return new TextDecoder().decode(sealed)
}
