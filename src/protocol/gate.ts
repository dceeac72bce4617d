import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { base64url } from 'multiformats/bases/base64'
import type { LogAddress } from './brand.ts'
import type { SignatureVerifier } from './ed25519.ts'
import type { LogManifest } from './log-manifest.ts'
import { SIGNATURE_CONTEXT } from './protocol-ids.ts'

/**
 * The right to write to one log. Made by sighted code (which can derive the gate key); blind code only uses it.
 * A writer is a pseudonym: one per device and log.
 */
export interface LogWriter {
  /** Ed25519 public key, lower-case hex, 64 characters. */
  readonly publicKey: string
  /** Gate certificate over log address and public key, see {@link gateCertificateMessage}. */
  readonly certificate: string
  /** @returns 64 bytes: an Ed25519 signature under {@link publicKey}. */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** What the gate key signs to admit a writer to a log. */
export function gateCertificateMessage(address: LogAddress, writerPublicKey: string): Uint8Array {
  return utf8ToBytes(`${SIGNATURE_CONTEXT.gateCertificate}|${address}|${writerPublicKey}`)
}

/** `dd1.` and the signature in base64url: 90 characters, self-contained, nothing to fetch. */
export function encodeGateCertificate(signature: Uint8Array): string {
  return `dd1.${base64url.baseEncode(signature)}`
}

const CERTIFICATE = /^dd1\.[A-Za-z0-9_-]{86}$/
const KEY = /^[0-9a-f]{64}$/

/** Whether `certificate` admits `writerPublicKey` to the log of `manifest`. Pure in its inputs: no clock, no revocation. */
export async function verifyGateCertificate(
  verifier: SignatureVerifier,
  manifest: Pick<LogManifest, 'gatePublicKey'>,
  address: LogAddress,
  writerPublicKey: string,
  certificate: string
): Promise<boolean> {
  if (!CERTIFICATE.test(certificate) || !KEY.test(writerPublicKey)) return false
  let signature: Uint8Array
  try {
    signature = base64url.baseDecode(certificate.slice(4))
  } catch {
    return false
  }
  // Unused bits of the last base64 character would be a second spelling of one certificate.
  if (encodeGateCertificate(signature) !== certificate) return false
  return verifier.verify(
    signature,
    hexToBytes(manifest.gatePublicKey),
    gateCertificateMessage(address, writerPublicKey)
  )
}

/** Prefixes a message with its domain, so that no signature can be used for another purpose. */
export function withContext(context: string, message: Uint8Array): Uint8Array {
  return concatBytes(utf8ToBytes(context), Uint8Array.of(0), message)
}
