import { bytesToHex } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '#protocol/cbor.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { createCredential, verifyCredential, verifyDevice } from '#sealing/credential.ts'
import { createSigner } from '#sealing/ed25519-signer.ts'
import {
  createIdentity,
  decodeIdentity,
  deviceCertificateMessage,
  encodeIdentity,
  NO_EXPIRY,
  redactIdentity,
  type IdentityWithSecrets
} from '#sealing/identity.ts'
import { flipBit, NOW_MS, sealingComponents } from '#tests/support/sealing-world.ts'

const components = sealingComponents()
const checks = { verifier: createSignatureVerifier(), clock: components.clock }

describe('identity', { timeout: 60_000 }, () => {
  it('comes back from its stored bytes unchanged', () => {
    const alice = createIdentity(components)
    expect(decodeIdentity(encodeIdentity(alice))).toEqual(alice)
  })

  it('is refused as corrupt when it is truncated, too long, or any one bit is changed', () => {
    const stored = encodeIdentity(createIdentity(components))
    const broken = [stored.slice(0, -1), new Uint8Array(), new Uint8Array(2_000)]
    for (const bytes of broken) {
      expect(() => decodeIdentity(bytes)).toThrow(
        expect.objectContaining({ code: 'storage-corrupt' })
      )
    }
    const isDeviceIdOrKey = (bit: number): boolean => decodesTo(flipBit(stored, bit)) === 'accepted'
    const accepted = Array.from({ length: stored.byteLength }, (_, index) => index * 8 + 3).filter(
      isDeviceIdOrKey
    )
    expect(accepted).toEqual([])
  })

  it('of a newer version is not taken for damage', () => {
    const stored = decodeCanonical(encodeIdentity(createIdentity(components)), 1_024)
    const newer = encodeCanonical({ ...(stored as Record<string, never>), v: 2 })
    expect(() => decodeIdentity(newer)).toThrow(expect.objectContaining({ code: 'data-newer' }))
  })

  it('is known to others by the root public key and the device id', () => {
    const alice = createIdentity(components)
    expect(redactIdentity(alice)).toEqual({
      userId: bytesToHex(alice.rootPublicKey),
      deviceId: bytesToHex(alice.deviceId)
    })
  })

  it('vouches for its device until the certificate ends', async () => {
    const alice = await withEnd(createIdentity(components), NOW_MS / 1_000 + 60)
    await expect(verifyDevice(checks, alice)).resolves.toBe(true)
    const later = { ...checks, clock: { now: () => NOW_MS + 61_000 } }
    await expect(verifyDevice(later, alice)).resolves.toBe(false)
    await expect(verifyDevice(checks, { ...alice, notAfter: NO_EXPIRY })).resolves.toBe(false)
  })
})

describe('credential of a leaf', { timeout: 60_000 }, () => {
  it('names the user whose root key vouches for the device that vouches for the leaf', async () => {
    const alice = createIdentity(components)
    const leaf = createSigner(components.random(32)).publicKey
    const credential = await createCredential(alice, leaf)
    await expect(verifyCredential(checks, credential, leaf)).resolves.toEqual(redactIdentity(alice))
  })

  it('is worth nothing for another leaf, under another root, or with a bit changed', async () => {
    const alice = createIdentity(components)
    const eve = createIdentity(components)
    const leaf = createSigner(components.random(32)).publicKey
    const other = createSigner(components.random(32)).publicKey
    const credential = await createCredential(alice, leaf)
    const posing = await createCredential({ ...eve, rootPublicKey: alice.rootPublicKey }, leaf)
    await expect(verifyCredential(checks, credential, other)).resolves.toBeUndefined()
    await expect(verifyCredential(checks, posing, leaf)).resolves.toBeUndefined()
    for (let index = 0; index < credential.byteLength; index += 7) {
      const changed = flipBit(credential, index * 8 + 1)
      await expect(verifyCredential(checks, changed, leaf)).resolves.toBeUndefined()
    }
  })
})

describe('Ed25519 signer', { timeout: 60_000 }, () => {
  it('signs the same bytes with and without Ed25519 in WebCrypto', async () => {
    const seed = new Uint8Array(32).fill(7)
    const without = {
      importKey: () => Promise.reject(new DOMException('no Ed25519', 'NotSupportedError'))
    } as unknown as SubtleCrypto // an engine of before Ed25519
    const message = new Uint8Array([1, 2, 3])
    const native = await createSigner(seed).sign(message)
    await expect(createSigner(seed, without).sign(message)).resolves.toEqual(native)
    const { publicKey } = createSigner(seed)
    await expect(checks.verifier.verify(native, publicKey, message)).resolves.toBe(true)
  })
})

function decodesTo(bytes: Uint8Array): string {
  try {
    decodeIdentity(bytes)
    return 'accepted'
  } catch {
    return 'refused'
  }
}

async function withEnd(
  identity: IdentityWithSecrets,
  notAfter: number
): Promise<IdentityWithSecrets> {
  const message = deviceCertificateMessage(identity.devicePublicKey, identity.deviceId, notAfter)
  const deviceCertificate = await createSigner(identity.rootSeed).sign(message)
  return { ...identity, notAfter, deviceCertificate }
}
