import { hexToBytes } from '@noble/hashes/utils.js'
import type { Author } from '#messaging/ports.ts'
import type { SealedBytes } from '#protocol/brand.ts'
import {
  decodeCanonical,
  encodeCanonical,
  equalBytes,
  readBytes,
  readInteger,
  readMap,
  readText
} from '#protocol/cbor.ts'
import { readDisplayName } from '#protocol/display-name.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_INVITE_CHARACTERS, MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { SIGNATURE_CONTEXT } from '#protocol/protocol-ids.ts'
import type { SealingComponents } from './components.ts'
import { isSameAuthor } from './credential.ts'
import { signStatement, verifyStatement } from './device-statement.ts'
import { dropOf } from './drop.ts'
import { openEnvelope, sealEnvelope } from './envelope.ts'
import { redactIdentity, type IdentityWithSecrets } from './identity.ts'
import { encodeInvite, readInvite, type Invite } from './invite-link.ts'
import { createMls, type KeyPackageWithSecrets } from './mls/mls.ts'
import { createSession, joinSession, type JoinRefusal, type Session } from './session.ts'
import { decodeStored } from './stored.ts'
import { openWelcomePacket, sealWelcomePacket, type WelcomeRefusal } from './welcome-packet.ts'

/** X-Wing public key: ML-KEM-768 (1,184) and X25519 (32). */
const INBOX_KEY_BYTES = 1_216
const VERSION = 1
const BUNDLE_VERSION = 1
const MAX_INVITE_BYTES = 16_384
/** UTF-16 units that a display name of `MAX_NAME_CHARACTERS` can take, with room for what reading removes. */
const MAX_RAW_NAME = 256

/** An invite on the device that made it. Whoever reads it can open every Welcome that answers it. */
export interface InviteWithSecrets extends Invite {
  /** 32 bytes: the inviter's writer in the drop. */
  readonly writerSeed: Uint8Array
  readonly keyPackage: KeyPackageWithSecrets
  /** X-Wing, 32 bytes. */
  readonly inboxPrivateKey: Uint8Array
}

/** What the inviter left in the drop, checked. */
export interface Bundle {
  readonly inviter: Author
  /** Display name as the inviter gave it. */
  readonly name: string
  /** MLS key package, good for any number of conversations until the invite expires. */
  readonly keyPackage: Uint8Array
  /** X-Wing public key to which Welcomes are sealed. */
  readonly inboxPublicKey: Uint8Array
}

/** `not-a-bundle`: something else lies there, look on. `invite-forged`: somebody with the link poses as the inviter. */
export type BundleRefusal = 'not-a-bundle' | 'invite-forged'

/**
 * Makes an invite that several people may accept until it expires. The caller keeps `invite`, appends `bundle` to the
 * drop and hands out the link.
 *
 * @param init.name - display name of the inviter; read with `readDisplayName`.
 * @param init.nodes - multiaddrs of nodes that will hold the drop, at most `MAX_INVITE_NODES`.
 * @throws {DeadDropError} `name-empty`, `name-too-long`, `node-address-malformed`.
 */
export async function createInvite(
  components: SealingComponents,
  init: {
    readonly identity: IdentityWithSecrets
    readonly name: string
    readonly nodes: readonly string[]
    readonly expiresAtMs: number
  }
): Promise<{
  readonly payload: string
  readonly invite: InviteWithSecrets
  readonly bundle: SealedBytes
}> {
  const { identity } = init
  const name = readDisplayName(init.name)
  const mls = await createMls(components)
  const payload = encodeInvite({
    rootPublicKey: identity.rootPublicKey,
    secret: components.random(16),
    expiresAtMs: init.expiresAtMs,
    nodes: init.nodes
  })
  const link = readInvite(payload)
  const drop = dropOf(link)
  const inbox = await mls.deriveInboxKey(components.random(32))
  const keyPackage = await mls.createKeyPackage(identity)
  const statement = await signStatement(identity, {
    context: SIGNATURE_CONTEXT.inviteBundle,
    place: drop.address,
    body: encodeCanonical({
      v: BUNDLE_VERSION,
      name,
      keyPackage: keyPackage.publicBytes,
      inbox: inbox.publicKey,
      expiry: link.expiresAtMs / 1_000
    })
  })
  return {
    payload,
    invite: {
      ...link,
      writerSeed: components.random(32),
      keyPackage,
      inboxPrivateKey: inbox.privateKey
    },
    bundle: sealEnvelope(components, drop.bundleKey, statement)
  }
}

/** For storage under the vault. Undone by {@link decodeInviteWithSecrets}. */
export function encodeInviteWithSecrets(invite: InviteWithSecrets): Uint8Array {
  return encodeCanonical({
    v: VERSION,
    payload: invite.payload,
    writer: invite.writerSeed,
    keyPackage: invite.keyPackage.publicBytes,
    init: invite.keyPackage.initPrivateKey,
    leaf: invite.keyPackage.leafPrivateKey,
    signature: invite.keyPackage.signatureSeed,
    inbox: invite.inboxPrivateKey
  })
}

/** @throws {DeadDropError} `data-newer` for a version of the future, `storage-corrupt` for anything else that {@link encodeInviteWithSecrets} did not write. */
export function decodeInviteWithSecrets(bytes: Uint8Array): InviteWithSecrets {
  return decodeStored('invite', bytes, MAX_INVITE_BYTES, VERSION, (value) => {
    const map = readMap(value, 'invite', [
      'v',
      'payload',
      'writer',
      'keyPackage',
      'init',
      'leaf',
      'signature',
      'inbox'
    ])
    return {
      ...readInvite(readText(map['payload'], 'payload', MAX_INVITE_CHARACTERS)),
      writerSeed: readBytes(map['writer'], 'writer seed', 32),
      keyPackage: {
        publicBytes: readBytes(map['keyPackage'], 'key package', 1, MAX_SEALED_BYTES),
        initPrivateKey: readBytes(map['init'], 'init key', 32),
        leafPrivateKey: readBytes(map['leaf'], 'leaf key', 32),
        signatureSeed: readBytes(map['signature'], 'signature seed', 32)
      },
      inboxPrivateKey: readBytes(map['inbox'], 'inbox key', 32)
    }
  })
}

/**
 * Reads one entry of a drop as the inviter's bundle: the chain of signatures must begin at the root key in the link, and
 * expiry and drop must be the link's. The clock is asked for the end of the device certificate only.
 */
export async function openBundle(
  components: Pick<SealingComponents, 'clock'>,
  invite: Invite,
  sealed: Uint8Array
): Promise<Bundle | { readonly refused: BundleRefusal }> {
  const drop = dropOf(invite)
  const bytes = openEnvelope(drop.bundleKey, sealed)
  if (bytes === undefined) return { refused: 'not-a-bundle' }
  const verifier = createSignatureVerifier()
  const statement = await verifyStatement({ verifier, clock: components.clock }, bytes, {
    context: SIGNATURE_CONTEXT.inviteBundle,
    place: drop.address
  })
  if (statement === 'malformed') return { refused: 'not-a-bundle' }
  if (statement === 'forged') return { refused: 'invite-forged' }
  const inviter = redactIdentity(statement.identity)
  const bundle = readBundle(statement.body)
  if (bundle === undefined || inviter.userId !== invite.userId) return { refused: 'invite-forged' }
  if (bundle.expirySeconds * 1_000 !== invite.expiresAtMs) return { refused: 'invite-forged' }
  const mls = await createMls({ ...components, random: refuseRandom })
  const offered = await mls.readKeyPackage(bundle.keyPackage)
  if (offered === undefined || !isSameAuthor(offered, inviter)) return { refused: 'invite-forged' }
  const { name, keyPackage, inboxPublicKey } = bundle
  return { inviter, name, keyPackage, inboxPublicKey }
}

/**
 * Accepts an invite: founds the conversation and seals the Welcome for the inviter. The caller writes the frozen session to
 * disk together with `welcome`, then appends `welcome` to the drop.
 *
 * @param init.name - display name of the one who accepts.
 * @param init.bundle - by {@link openBundle}, for this invite.
 * @throws {DeadDropError} `invite-expired`, `invite-own`, `invite-forged`, `name-empty`, `name-too-long`.
 */
export async function acceptInvite(
  components: SealingComponents,
  init: {
    readonly identity: IdentityWithSecrets
    readonly name: string
    readonly invite: Invite
    readonly bundle: Bundle
  }
): Promise<{
  readonly session: Session
  readonly welcome: SealedBytes
  readonly conversationId: string
}> {
  const { identity, invite, bundle } = init
  const name = readDisplayName(init.name)
  if (redactIdentity(identity).userId === invite.userId) {
    throw new DeadDropError('invite-own', 'invite was made by this user')
  }
  if (invite.isExpired(components.clock.now()))
    throw new DeadDropError('invite-expired', 'invite is expired')
  const { session, welcome } = await createSession(components, {
    identity,
    contact: bundle.inviter,
    keyPackage: bundle.keyPackage
  })
  const packet = await sealWelcomePacket(components, {
    identity,
    drop: dropOf(invite),
    inboxPublicKey: bundle.inboxPublicKey,
    conversation: hexToBytes(session.conversationId),
    name,
    welcome
  })
  return { session, welcome: packet, conversationId: session.conversationId }
}

/** Why an entry of the drop leads to no conversation. `own`: an entry by this user, the bundle's neighbour for example. */
export type OpenWelcomeRefusal = WelcomeRefusal | JoinRefusal | 'own' | 'not-as-claimed'

/**
 * Reads one entry of a drop as a Welcome and joins. Several people may accept one invite, each a conversation of its own,
 * and one Welcome may be opened again after a crash: the caller drops a second session of a `conversationId` that it has.
 */
export async function openWelcome(
  components: SealingComponents,
  init: {
    readonly identity: IdentityWithSecrets
    readonly invite: InviteWithSecrets
    readonly sealed: Uint8Array
  }
): Promise<
  | {
      readonly session: Session
      readonly contact: Author & { readonly name: string }
      readonly conversationId: string
    }
  | { readonly refused: OpenWelcomeRefusal }
> {
  const { identity, invite } = init
  const packet = await openWelcomePacket(components, {
    drop: dropOf(invite),
    inboxPrivateKey: invite.inboxPrivateKey,
    sealed: init.sealed
  })
  if ('refused' in packet) return packet
  const { contact } = packet
  if (contact.userId === redactIdentity(identity).userId) return { refused: 'own' }
  const session = await joinSession(components, {
    identity,
    contact,
    keyPackage: invite.keyPackage,
    welcome: packet.welcome
  })
  if ('refused' in session) return session
  if (!equalBytes(hexToBytes(session.conversationId), packet.conversation)) {
    return { refused: 'not-as-claimed' }
  }
  return {
    session,
    contact: { ...contact, name: packet.name },
    conversationId: session.conversationId
  }
}

function readBundle(
  body: Uint8Array
): (Omit<Bundle, 'inviter'> & { readonly expirySeconds: number }) | undefined {
  try {
    const map = readMap(decodeCanonical(body, MAX_SEALED_BYTES), 'bundle', [
      'v',
      'name',
      'keyPackage',
      'inbox',
      'expiry'
    ])
    readInteger(map['v'], 'version', BUNDLE_VERSION, BUNDLE_VERSION)
    return {
      name: readDisplayName(readText(map['name'], 'name', MAX_RAW_NAME)),
      keyPackage: readBytes(map['keyPackage'], 'key package', 1, MAX_SEALED_BYTES),
      inboxPublicKey: readBytes(map['inbox'], 'inbox key', INBOX_KEY_BYTES),
      expirySeconds: readInteger(map['expiry'], 'expiry', 0, 2 ** 40)
    }
  } catch {
    return undefined
  }
}

/** Reading a bundle draws no randomness; a change that does would be a bug. */
function refuseRandom(): never {
  throw new DeadDropError('internal', 'reading a bundle draws no randomness')
}
