import type { Author } from '#messaging/ports.ts'
import {
  decodeCanonical,
  encodeCanonical,
  readBytes,
  readInteger,
  readList
} from '#protocol/cbor.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { withContext } from '#protocol/gate.ts'
import { SIGNATURE_CONTEXT } from '#protocol/protocol-ids.ts'
import type { Clock } from './components.ts'
import { createSigner } from './ed25519-signer.ts'
import {
  deviceCertificateMessage,
  NO_EXPIRY,
  redactIdentity,
  type Identity,
  type IdentityWithSecrets
} from './identity.ts'

const MAX_CREDENTIAL_BYTES = 512

/** A leaf of a group, traced to the user: root key vouches for device key, device key vouches for leaf key. */
interface Credential extends Identity {
  /** By the device key, over the leaf's signature key. 64 bytes. */
  readonly leafCertificate: Uint8Array
}

/**
 * Content of the MLS basic credential: canonical CBOR `[root, device, device id, end, certificate of the device,
 * certificate of the leaf]`.
 *
 * @param leafPublicKey - Ed25519, fresh for this leaf.
 */
export async function createCredential(
  identity: IdentityWithSecrets,
  leafPublicKey: Uint8Array
): Promise<Uint8Array> {
  const leafCertificate = await createSigner(identity.deviceSeed).sign(
    leafCertificateMessage(leafPublicKey)
  )
  return encodeCanonical([
    identity.rootPublicKey,
    identity.devicePublicKey,
    identity.deviceId,
    identity.notAfter,
    identity.deviceCertificate,
    leafCertificate
  ])
}

/** Takes a credential apart. Checks form only; signatures: {@link verifyCredential}. Hostile bytes are `undefined`. */
function readCredential(bytes: Uint8Array): Credential | undefined {
  try {
    const fields = readList(
      decodeCanonical(bytes, MAX_CREDENTIAL_BYTES),
      'credential',
      6,
      (item) => item
    )
    const [root, device, deviceId, notAfter, deviceCertificate, leafCertificate] = fields
    return {
      rootPublicKey: readBytes(root, 'root key', 32),
      devicePublicKey: readBytes(device, 'device key', 32),
      deviceId: readBytes(deviceId, 'device id', 16),
      notAfter: readInteger(notAfter, 'end', 0, 2 ** 40),
      deviceCertificate: readBytes(deviceCertificate, 'device certificate', 64),
      leafCertificate: readBytes(leafCertificate, 'leaf certificate', 64)
    }
  } catch {
    return undefined
  }
}

/** Who a credential names, without checking its signatures: for credentials that a group admitted after {@link verifyCredential}. */
export function authorOf(credentialBytes: Uint8Array): Author | undefined {
  const credential = readCredential(credentialBytes)
  return credential === undefined ? undefined : redactIdentity(credential)
}

/** Checks the whole chain from the root key to `leafPublicKey`. @returns who it is, or `undefined` for anything hostile or expired. */
export async function verifyCredential(
  components: { readonly verifier: SignatureVerifier; readonly clock: Clock },
  bytes: Uint8Array,
  leafPublicKey: Uint8Array
): Promise<Author | undefined> {
  const credential = readCredential(bytes)
  if (credential === undefined || !(await verifyDevice(components, credential))) return undefined
  const isLeafCertified = await components.verifier.verify(
    credential.leafCertificate,
    credential.devicePublicKey,
    leafCertificateMessage(leafPublicKey)
  )
  return isLeafCertified ? redactIdentity(credential) : undefined
}

/** Whether the root key vouches for the device key, now. */
export async function verifyDevice(
  components: { readonly verifier: SignatureVerifier; readonly clock: Clock },
  identity: Identity
): Promise<boolean> {
  const isExpired =
    identity.notAfter !== NO_EXPIRY && components.clock.now() > identity.notAfter * 1_000
  if (isExpired) return false
  return components.verifier.verify(
    identity.deviceCertificate,
    identity.rootPublicKey,
    deviceCertificateMessage(identity.devicePublicKey, identity.deviceId, identity.notAfter)
  )
}

/** Whether two names are one device of one user. */
export function isSameAuthor(a: Author, b: Author): boolean {
  return a.userId === b.userId && a.deviceId === b.deviceId
}

function leafCertificateMessage(leafPublicKey: Uint8Array): Uint8Array {
  return withContext(SIGNATURE_CONTEXT.leafCertificate, leafPublicKey)
}
