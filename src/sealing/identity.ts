import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js'
import type { Author } from '#messaging/ports.ts'
import { encodeCanonical, equalBytes, readBytes, readInteger, readMap } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { withContext } from '#protocol/gate.ts'
import { SIGNATURE_CONTEXT } from '#protocol/protocol-ids.ts'
import type { RandomBytes } from './components.ts'
import { decodeStored } from './stored.ts'

/** A user on one device, as others see them: the root key vouches for the device key. */
export interface Identity {
  /** Ed25519, 32 bytes. The user id. */
  readonly rootPublicKey: Uint8Array
  /** Ed25519, 32 bytes. */
  readonly devicePublicKey: Uint8Array
  /** 16 bytes. */
  readonly deviceId: Uint8Array
  /** Unix seconds; {@link NO_EXPIRY} for a device that is trusted until it is removed. */
  readonly notAfter: number
  /** By the root key, over {@link deviceCertificateMessage}. 64 bytes. */
  readonly deviceCertificate: Uint8Array
}

/** {@link Identity} with both private keys. Whoever reads it is this user. */
export interface IdentityWithSecrets extends Identity {
  /** 32 bytes. The recovery words will spell this. */
  readonly rootSeed: Uint8Array
  /** 32 bytes. */
  readonly deviceSeed: Uint8Array
}

/** `notAfter` of a certificate without an end. */
export const NO_EXPIRY = 0

const VERSION = 1
const MAX_IDENTITY_BYTES = 1_024
const MAX_UNIX_SECONDS = 2 ** 40

/** A new user on a new device. */
export function createIdentity(components: { readonly random: RandomBytes }): IdentityWithSecrets {
  const rootSeed = components.random(32)
  const deviceSeed = components.random(32)
  const deviceId = components.random(16)
  const devicePublicKey = ed25519.getPublicKey(deviceSeed)
  const message = deviceCertificateMessage(devicePublicKey, deviceId, NO_EXPIRY)
  return {
    rootPublicKey: ed25519.getPublicKey(rootSeed),
    devicePublicKey,
    deviceId,
    notAfter: NO_EXPIRY,
    deviceCertificate: ed25519.sign(message, rootSeed),
    rootSeed,
    deviceSeed
  }
}

/** What the root key signs to vouch for a device. @param notAfter - Unix seconds or {@link NO_EXPIRY}. */
export function deviceCertificateMessage(
  devicePublicKey: Uint8Array,
  deviceId: Uint8Array,
  notAfter: number
): Uint8Array {
  const end = new Uint8Array(8)
  new DataView(end.buffer).setBigUint64(0, BigInt(notAfter))
  return withContext(
    SIGNATURE_CONTEXT.deviceCertificate,
    concatBytes(devicePublicKey, deviceId, end)
  )
}

/** For storage under the vault. Undone by {@link decodeIdentity}. */
export function encodeIdentity(identity: IdentityWithSecrets): Uint8Array {
  return encodeCanonical({
    v: VERSION,
    root: identity.rootSeed,
    device: identity.deviceSeed,
    deviceId: identity.deviceId,
    notAfter: identity.notAfter,
    certificate: identity.deviceCertificate
  })
}

/** @throws {DeadDropError} `data-newer` for a version of the future, `storage-corrupt` for anything else that {@link encodeIdentity} did not write. */
export function decodeIdentity(bytes: Uint8Array): IdentityWithSecrets {
  return decodeStored('identity', bytes, MAX_IDENTITY_BYTES, VERSION, (value) => {
    const map = readMap(value, 'identity', [
      'v',
      'root',
      'device',
      'deviceId',
      'notAfter',
      'certificate'
    ])
    const rootSeed = readBytes(map['root'], 'root seed', 32)
    const deviceSeed = readBytes(map['device'], 'device seed', 32)
    const identity: IdentityWithSecrets = {
      rootPublicKey: ed25519.getPublicKey(rootSeed),
      devicePublicKey: ed25519.getPublicKey(deviceSeed),
      deviceId: readBytes(map['deviceId'], 'device id', 16),
      notAfter: readInteger(map['notAfter'], 'end', 0, MAX_UNIX_SECONDS),
      deviceCertificate: readBytes(map['certificate'], 'device certificate', 64),
      rootSeed,
      deviceSeed
    }
    // Ed25519 is deterministic: the certificate is right exactly when signing again gives it.
    const message = deviceCertificateMessage(
      identity.devicePublicKey,
      identity.deviceId,
      identity.notAfter
    )
    if (!equalBytes(ed25519.sign(message, rootSeed), identity.deviceCertificate)) {
      throw new DeadDropError('bytes-malformed', 'device certificate does not match its keys')
    }
    return identity
  })
}

/** The public names of this user and device. */
export function redactIdentity(identity: Identity): Author {
  return { userId: bytesToHex(identity.rootPublicKey), deviceId: bytesToHex(identity.deviceId) }
}
