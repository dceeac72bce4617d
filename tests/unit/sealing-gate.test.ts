import { hexToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { verifyGateCertificate } from '#protocol/gate.ts'
import { createLogManifest, logAddressOf, readLogAddress } from '#protocol/log-manifest.ts'
import { createLogWriter, gatePublicKeyOf } from '#sealing/gate.ts'
import vector from '#tests/vectors/sealing-gate.json' with { type: 'json' }

const verifier = createSignatureVerifier()

describe('log writer', () => {
  it('keeps its certificate and its public key', () => {
    const manifest = createLogManifest(
      hexToBytes(vector.manifest.name),
      gatePublicKeyOf(hexToBytes(vector.gateSeed))
    )
    expect(manifest).toEqual(vector.manifest)
    expect(logAddressOf(manifest)).toBe(vector.address)
    const writer = createLogWriter({
      gateSeed: hexToBytes(vector.gateSeed),
      address: readLogAddress(vector.address),
      writerSeed: hexToBytes(vector.writerSeed)
    })
    expect(writer.publicKey).toBe(vector.publicKey)
    expect(writer.certificate).toBe(vector.certificate)
  })

  it('is admitted to its own log and to no other', async () => {
    const gateSeed = new Uint8Array(32).fill(3)
    const manifest = createLogManifest(new Uint8Array(24).fill(4), gatePublicKeyOf(gateSeed))
    const other = createLogManifest(new Uint8Array(24).fill(5), gatePublicKeyOf(gateSeed))
    const address = logAddressOf(manifest)
    const writer = createLogWriter({ gateSeed, address, writerSeed: new Uint8Array(32).fill(6) })
    const { publicKey, certificate } = writer
    await expect(
      verifyGateCertificate(verifier, manifest, address, publicKey, certificate)
    ).resolves.toBe(true)
    await expect(
      verifyGateCertificate(verifier, other, logAddressOf(other), publicKey, certificate)
    ).resolves.toBe(false)
  })

  it('signs what it appends under its public key', async () => {
    const writer = createLogWriter({
      gateSeed: new Uint8Array(32).fill(3),
      address: readLogAddress(vector.address),
      writerSeed: new Uint8Array(32).fill(6)
    })
    const message = new Uint8Array([1, 2, 3])
    const signature = await writer.sign(message)
    await expect(verifier.verify(signature, hexToBytes(writer.publicKey), message)).resolves.toBe(
      true
    )
  })
})
