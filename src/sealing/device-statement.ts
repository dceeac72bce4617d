import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import {
  decodeCanonical,
  encodeCanonical,
  readBytes,
  readInteger,
  readMap
} from '#protocol/cbor.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { withContext } from '#protocol/gate.ts'
import { MAX_SEALED_BYTES } from '#protocol/limits.ts'
import type { Clock } from './components.ts'
import { verifyDevice } from './credential.ts'
import { createSigner } from './ed25519-signer.ts'
import type { Identity, IdentityWithSecrets } from './identity.ts'

/** Something that a device of a user says, as checked by {@link verifyStatement}. */
export interface DeviceStatement {
  readonly identity: Identity
  readonly body: Uint8Array
}

/**
 * Signs `body` with the device key and attaches the chain up to the root key.
 *
 * @param init.context - one of `SIGNATURE_CONTEXT`.
 * @param init.place - what the statement is for (a log address): it is worth nothing anywhere else.
 */
export async function signStatement(
  identity: IdentityWithSecrets,
  init: { readonly context: string; readonly place: string; readonly body: Uint8Array }
): Promise<Uint8Array> {
  const signature = await createSigner(identity.deviceSeed).sign(messageOf(init))
  return encodeCanonical({
    root: identity.rootPublicKey,
    device: identity.devicePublicKey,
    deviceId: identity.deviceId,
    notAfter: identity.notAfter,
    certificate: identity.deviceCertificate,
    body: init.body,
    signature
  })
}

/** @returns what was said, or `malformed` (no statement at all) or `forged` (a signature is missing in the chain, or it is expired). */
export async function verifyStatement(
  components: { readonly verifier: SignatureVerifier; readonly clock: Clock },
  bytes: Uint8Array,
  init: { readonly context: string; readonly place: string }
): Promise<DeviceStatement | 'malformed' | 'forged'> {
  const read = readStatement(bytes)
  if (read === undefined) return 'malformed'
  const { identity, body, signature } = read
  const isGenuine =
    (await verifyDevice(components, identity)) &&
    (await components.verifier.verify(
      signature,
      identity.devicePublicKey,
      messageOf({ ...init, body })
    ))
  return isGenuine ? { identity, body } : 'forged'
}

function readStatement(
  bytes: Uint8Array
): (DeviceStatement & { readonly signature: Uint8Array }) | undefined {
  try {
    const map = readMap(decodeCanonical(bytes, MAX_SEALED_BYTES), 'statement', [
      'root',
      'device',
      'deviceId',
      'notAfter',
      'certificate',
      'body',
      'signature'
    ])
    return {
      identity: {
        rootPublicKey: readBytes(map['root'], 'root key', 32),
        devicePublicKey: readBytes(map['device'], 'device key', 32),
        deviceId: readBytes(map['deviceId'], 'device id', 16),
        notAfter: readInteger(map['notAfter'], 'end', 0, 2 ** 40),
        deviceCertificate: readBytes(map['certificate'], 'device certificate', 64)
      },
      body: readBytes(map['body'], 'body', 0, MAX_SEALED_BYTES),
      signature: readBytes(map['signature'], 'signature', 64)
    }
  } catch {
    return undefined
  }
}

function messageOf(init: {
  readonly context: string
  readonly place: string
  readonly body: Uint8Array
}): Uint8Array {
  return withContext(
    init.context,
    concatBytes(utf8ToBytes(init.place), Uint8Array.of(0), init.body)
  )
}
