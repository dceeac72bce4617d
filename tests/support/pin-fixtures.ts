import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { LogAddress, SealedBytes } from '#protocol/brand.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { encodeGateCertificate, gateCertificateMessage } from '#protocol/gate.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { createLogManifest, logAddressOf } from '#protocol/log-manifest.ts'

/** A log whose gate key the test holds. */
export interface GatedLog {
  readonly manifest: LogManifest
  readonly address: LogAddress
  /** A writer whose certificate the gate of this log made. */
  admit(seed: number): LogWriter
}

/** 32 bytes that differ for each `n` of 0..2^32. */
export function seedBytes(n: number): Uint8Array {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, n)
  return seed
}

/** The same log for the same number. */
export function gatedLog(n: number): GatedLog {
  const gateKey = seedBytes(0x10000000 + n)
  const manifest = createLogManifest(seedBytes(n).slice(0, 24), ed25519.getPublicKey(gateKey))
  const address = logAddressOf(manifest)
  return {
    manifest,
    address,
    admit(seed) {
      const key = seedBytes(0x20000000 + seed)
      const publicKey = bytesToHex(ed25519.getPublicKey(key))
      const signature = ed25519.sign(gateCertificateMessage(address, publicKey), gateKey)
      return {
        publicKey,
        certificate: encodeGateCertificate(signature),
        async sign(message) {
          return ed25519.sign(message, key)
        }
      }
    }
  }
}

/** A node's identity: what its replica signs with. */
export function peerWithKey(n: number): {
  readonly peerId: string
  sign(message: Uint8Array): Promise<Uint8Array>
} {
  const key = seedBytes(0x30000000 + n)
  return {
    peerId: peerIdFromPublicKey(publicKeyFromRaw(ed25519.getPublicKey(key))).toString(),
    async sign(message) {
      return ed25519.sign(message, key)
    }
  }
}

/** Stands for an envelope: the node treats every byte string alike. */
export function sealedText(text: string): SealedBytes {
  return new TextEncoder().encode(text) as SealedBytes // brand: no cipher is part of what these tests look at
}
