import { ed25519 } from '@noble/curves/ed25519.js'
import {
  createApplicationMessage,
  createCommit,
  createGroup,
  decodeGroupState,
  decodeMlsMessage,
  defaultKeyPackageEqualityConfig,
  emptyPskIndex,
  encodeGroupState,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  joinGroup,
  mlsExporter,
  zeroOutUint8Array,
  type Capabilities,
  type CiphersuiteImpl,
  type ClientConfig,
  type ClientState,
  type KeyPackage,
  type MLSMessage,
  type PrivateKeyPackage,
  type PrivateMessage
} from 'ts-mls'
import { encode } from 'ts-mls/codec/tlsEncoder.js'
import { verifyFramedContentSignature } from 'ts-mls/framedContent.js'
import {
  decodePrivateMessageContent,
  decryptSenderData,
  privateContentAADEncoder,
  toAuthenticatedContent
} from 'ts-mls/privateMessage.js'
import type { Author } from '#messaging/ports.ts'
import { equalBytes } from '#protocol/cbor.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { SealingComponents } from '../components.ts'
import { authorOf, createCredential, verifyCredential } from '../credential.ts'
import type { IdentityWithSecrets } from '../identity.ts'
import { advanceRatchet, MAX_SKIPPED_MESSAGES, type SkippedKeys } from './receive-ratchet.ts'
import { createSuite, SUITE_NAME } from './suite.ts'

/** One epoch of one group on this device, secrets included. Immutable: every operation returns the next one. */
export interface MlsEpoch {
  readonly group: ClientState
  /** Keys of messages that were overtaken, by leaf index of their sender. */
  readonly skipped: ReadonlyMap<number, SkippedKeys>
}

/** An MLS KeyPackage: what another device needs to add this one to a group. */
export interface KeyPackageWithSecrets {
  /** MLSMessage holding a KeyPackage; public. */
  readonly publicBytes: Uint8Array
  readonly initPrivateKey: Uint8Array
  readonly leafPrivateKey: Uint8Array
  readonly signatureSeed: Uint8Array
}

export interface Member extends Author {
  readonly leafIndex: number
}

export type MlsOpening =
  | {
      readonly kind: 'opened'
      readonly epoch: MlsEpoch
      readonly plain: Uint8Array
      readonly author: Author
      /** Erases the keys that this message used up. Call it once `epoch` has replaced the old one. */
      forget(): void
    }
  | { readonly kind: 'waiting' | 'rejected'; readonly reason: string }

/** A change of epoch that the caller may still drop: `forget` erases what the change used up, once it is kept. */
export interface MlsSealing {
  readonly epoch: MlsEpoch
  readonly message: Uint8Array
  forget(): void
}

/**
 * Messaging Layer Security (RFC 9420) as DeadDrop uses it: one suite, basic credentials that trace to a user, private
 * messages only, proposals by value only. The only door to the MLS library.
 */
export interface Mls {
  createKeyPackage(identity: IdentityWithSecrets): Promise<KeyPackageWithSecrets>
  /** The device that a key package names, its whole chain checked; `undefined` for hostile bytes. */
  readKeyPackage(publicBytes: Uint8Array): Promise<Author | undefined>
  /** Creates a group and adds one device. @throws when the key package is not valid: check it with {@link readKeyPackage} first. */
  createGroupOfTwo(
    groupId: Uint8Array,
    own: KeyPackageWithSecrets,
    otherKeyPackage: Uint8Array
  ): Promise<{ readonly epoch: MlsEpoch; readonly welcome: Uint8Array }>
  /** Joins by a Welcome; every credential of the group is checked. Hostile bytes are `undefined`. */
  join(own: KeyPackageWithSecrets, welcome: Uint8Array): Promise<MlsEpoch | undefined>
  seal(epoch: MlsEpoch, plain: Uint8Array): Promise<MlsSealing>
  /** @param options.isEarly - as in {@link advanceRatchet}. */
  open(
    epoch: MlsEpoch,
    message: Uint8Array,
    options: { readonly isEarly: boolean }
  ): Promise<MlsOpening>
  /** Undoes {@link encodeGroup}. @throws {DeadDropError} `bytes-malformed`. */
  decodeGroup(bytes: Uint8Array): ClientState
  /** MLS-Exporter(label, "", length). */
  exportSecret(epoch: MlsEpoch, label: string, length: number): Promise<Uint8Array>
  deriveInboxKey(
    seed: Uint8Array
  ): Promise<{ readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }>
  /** HPKE base mode (RFC 9180) over X-Wing. */
  hpkeSeal(
    publicKey: Uint8Array,
    info: Uint8Array,
    plain: Uint8Array
  ): Promise<{ readonly encapsulated: Uint8Array; readonly ciphertext: Uint8Array }>
  /** `undefined` for another key and for hostile bytes. */
  hpkeOpen(
    privateKey: Uint8Array,
    info: Uint8Array,
    encapsulated: Uint8Array,
    ciphertext: Uint8Array
  ): Promise<Uint8Array | undefined>
}

/** Explicit: the library's default adds random values that make each leaf recognisable and 60 bytes longer. */
const CAPABILITIES: Capabilities = {
  versions: ['mls10'],
  ciphersuites: [SUITE_NAME],
  credentials: ['basic'],
  extensions: [],
  proposals: []
}

/**
 * The library compares lifetimes with the wall clock of the platform, which tests and wrong clocks must not depend on. The
 * end of a key package is the end of the invite that carries it, signed there and checked with our clock.
 */
const LIFETIME = { notBefore: 0n, notAfter: 2n ** 63n - 1n }

const NO_BYTES = new Uint8Array(0)

export async function createMls(components: SealingComponents): Promise<Mls> {
  const { clock } = components
  const verifier = createSignatureVerifier()
  const suite = await createSuite({ random: components.random, verifier })
  const config = clientConfig(async (credential, leafPublicKey) => {
    if (credential.credentialType !== 'basic') return false
    const author = await verifyCredential({ verifier, clock }, credential.identity, leafPublicKey)
    return author !== undefined
  })

  return {
    async createKeyPackage(identity) {
      const signatureSeed = components.random(32)
      const publicKey = ed25519.getPublicKey(signatureSeed)
      const { publicPackage, privatePackage } = await generateKeyPackageWithKey(
        { credentialType: 'basic', identity: await createCredential(identity, publicKey) },
        CAPABILITIES,
        LIFETIME,
        [],
        { signKey: signatureSeed, publicKey },
        suite
      )
      return {
        publicBytes: encodeMlsMessage({
          version: 'mls10',
          wireformat: 'mls_key_package',
          keyPackage: publicPackage
        }),
        initPrivateKey: privatePackage.initPrivateKey,
        leafPrivateKey: privatePackage.hpkePrivateKey,
        signatureSeed
      }
    },

    async readKeyPackage(publicBytes) {
      const keyPackage = readKeyPackage(publicBytes)
      if (keyPackage?.leafNode.credential.credentialType !== 'basic') return undefined
      const { credential, signaturePublicKey } = keyPackage.leafNode
      return verifyCredential({ verifier, clock }, credential.identity, signaturePublicKey)
    },

    async createGroupOfTwo(groupId, own, otherKeyPackage) {
      const ownPackage = readKeyPackage(own.publicBytes)
      const keyPackage = readKeyPackage(otherKeyPackage)
      if (ownPackage === undefined || keyPackage === undefined) {
        throw new DeadDropError('bytes-malformed', 'key package is not an MLS key package')
      }
      const founded = await createGroup(
        groupId,
        ownPackage,
        privatePackageOf(own),
        [],
        suite,
        config
      )
      const commit = await createCommit(
        { state: founded, cipherSuite: suite },
        {
          extraProposals: [{ proposalType: 'add', add: { keyPackage } }],
          ratchetTreeExtension: true
        }
      )
      if (commit.welcome === undefined) {
        throw new DeadDropError('internal', 'commit with one Add made no Welcome')
      }
      const welcome = encodeMlsMessage({
        version: 'mls10',
        wireformat: 'mls_welcome',
        welcome: commit.welcome
      })
      const unused = founded.secretTree.flatMap(({ application, handshake }) => [
        application.secret,
        handshake.secret
      ])
      for (const secret of [...commit.consumed, ...unused]) zeroOutUint8Array(secret)
      return { epoch: { group: withoutHistory(commit.newState), skipped: new Map() }, welcome }
    },

    async join(own, welcomeBytes) {
      try {
        const ownPackage = readKeyPackage(own.publicBytes)
        const message = decodeWhole(welcomeBytes)
        if (ownPackage === undefined || message?.wireformat !== 'mls_welcome') return undefined
        const group = await joinGroup(
          message.welcome,
          ownPackage,
          privatePackageOf(own),
          emptyPskIndex,
          suite,
          undefined,
          undefined,
          config
        )
        return { group: withoutHistory(group), skipped: new Map() }
      } catch {
        return undefined
      }
    },

    async seal(epoch, plain) {
      const sealed = await createApplicationMessage(epoch.group, plain, suite)
      return {
        epoch: { ...epoch, group: sealed.newState },
        message: encodeMlsMessage({
          version: 'mls10',
          wireformat: 'mls_private_message',
          privateMessage: sealed.privateMessage
        }),
        forget() {
          sealed.consumed.forEach(zeroOutUint8Array)
        }
      }
    },

    async open(epoch, bytes, options) {
      const message = decodeWhole(bytes)
      if (message?.wireformat !== 'mls_private_message') return rejected('not-a-private-message')
      const { privateMessage } = message
      const { groupContext } = epoch.group
      if (!equalBytes(privateMessage.groupId, groupContext.groupId)) return rejected('other-group')
      if (privateMessage.epoch !== groupContext.epoch) return rejected('other-epoch')
      // A newer version of DeadDrop may change the group; this one cannot follow, and keeps the entry for its successor.
      if (privateMessage.contentType !== 'application')
        return { kind: 'waiting', reason: 'handshake' }
      try {
        return await openApplicationMessage(suite, epoch, privateMessage, options)
      } catch {
        return rejected('forged')
      }
    },

    decodeGroup(bytes) {
      const decoded = decodeGroupState(bytes, 0)
      if (decoded?.[1] !== bytes.byteLength) {
        throw new DeadDropError('bytes-malformed', 'stored group is not an MLS group state')
      }
      return { ...decoded[0], clientConfig: config }
    },

    exportSecret(epoch, label, length) {
      return mlsExporter(epoch.group.keySchedule.exporterSecret, label, NO_BYTES, length, suite)
    },

    async deriveInboxKey(seed) {
      const pair = await suite.hpke.deriveKeyPair(seed)
      return {
        publicKey: await suite.hpke.exportPublicKey(pair.publicKey),
        privateKey: await suite.hpke.exportPrivateKey(pair.privateKey)
      }
    },

    async hpkeSeal(publicKey, info, plain) {
      const key = await suite.hpke.importPublicKey(publicKey)
      const sealed = await suite.hpke.seal(key, plain, info)
      return { encapsulated: sealed.enc, ciphertext: sealed.ct }
    },

    async hpkeOpen(privateKey, info, encapsulated, ciphertext) {
      try {
        const key = await suite.hpke.importPrivateKey(privateKey)
        return await suite.hpke.open(key, encapsulated, ciphertext, info)
      } catch {
        return undefined
      }
    }
  }
}

function clientConfig(
  validateCredential: ClientConfig['authService']['validateCredential']
): ClientConfig {
  return {
    // Receiving goes through receive-ratchet.ts; the library's own retention is for its own receive path only.
    keyRetentionConfig: {
      retainKeysForGenerations: 1,
      retainKeysForEpochs: 1,
      maximumForwardRatchetSteps: MAX_SKIPPED_MESSAGES
    },
    lifetimeConfig: { maximumTotalLifetime: LIFETIME.notAfter, validateLifetimeOnReceive: false },
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    paddingConfig: { kind: 'alwaysPad', paddingLength: 0 }, // the envelope pads
    authService: { validateCredential }
  }
}

/** Members of an epoch in order of their leaves. Their credentials were checked when the group admitted them. */
export function membersOf(epoch: MlsEpoch): readonly Member[] {
  return epoch.group.ratchetTree.flatMap((node, index) => {
    if (node?.nodeType !== 'leaf' || node.leaf.credential.credentialType !== 'basic') return []
    const author = authorOf(node.leaf.credential.identity)
    return author === undefined ? [] : [{ ...author, leafIndex: index / 2 }]
  })
}

/** Leaf index of this device. */
export function ownLeafOf(epoch: MlsEpoch): number {
  return epoch.group.privatePath.leafIndex
}

/** What stands in the group context: see RFC 9420 section 8.1. */
export function contextOf(epoch: MlsEpoch): {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly extensions: number
} {
  const { groupId, epoch: number, extensions } = epoch.group.groupContext
  return { groupId, epoch: number, extensions: extensions.length }
}

/** The group's state in the library's codec, without the keys of overtaken messages: those are {@link MlsEpoch.skipped}. */
export function encodeGroup(epoch: MlsEpoch): Uint8Array {
  return encodeGroupState(epoch.group)
}

async function openApplicationMessage(
  suite: CiphersuiteImpl,
  epoch: MlsEpoch,
  message: PrivateMessage,
  options: { readonly isEarly: boolean }
): Promise<MlsOpening> {
  const { group } = epoch
  const sender = await decryptSenderData(message, group.keySchedule.senderDataSecret, suite)
  if (sender === undefined) return rejected('malformed')
  const { leafIndex, generation, reuseGuard } = sender
  // The own sending ratchet must never move by receiving: a key would be used for two messages.
  if (leafIndex === group.privatePath.leafIndex) return rejected('own')
  const leaf = group.ratchetTree[leafIndex * 2]
  const branch = group.secretTree[leafIndex * 2]
  if (leaf?.nodeType !== 'leaf' || branch === undefined) return rejected('not-a-member')
  if (leaf.leaf.credential.credentialType !== 'basic') return rejected('not-a-member')
  const author = authorOf(leaf.leaf.credential.identity)
  if (author === undefined) return rejected('not-a-member')

  const step = await advanceRatchet(
    suite,
    branch.application,
    epoch.skipped.get(leafIndex) ?? new Map(),
    generation,
    options
  )
  if (step === 'used') return rejected('opened-before')
  if (step === 'far') return { kind: 'waiting', reason: 'too-far-ahead' }

  const nonce = step.nonce.map((byte, index) => byte ^ (reuseGuard[index] ?? 0))
  const { groupId, epoch: number, contentType, authenticatedData } = message
  const aad = encode(privateContentAADEncoder)({
    groupId,
    epoch: number,
    contentType,
    authenticatedData
  })
  const decrypted = await suite.hpke.decryptAead(step.key, nonce, aad, message.ciphertext)
  const decoded = decodePrivateMessageContent('application')(decrypted, 0)?.[0]
  if (decoded?.contentType !== 'application') return rejected('malformed')
  const { content, auth } = toAuthenticatedContent(decoded, message, leafIndex)
  const isSigned = await verifyFramedContentSignature(
    leaf.leaf.signaturePublicKey,
    'mls_private_message',
    content,
    auth,
    group.groupContext,
    suite.signature
  )
  if (!isSigned) return rejected('forged')

  const secretTree = group.secretTree.slice()
  secretTree[leafIndex * 2] = { ...branch, application: step.ratchet }
  return {
    kind: 'opened',
    epoch: {
      group: { ...group, secretTree },
      skipped: new Map(epoch.skipped).set(leafIndex, step.skipped)
    },
    // A copy: the decrypted buffer also holds the signature, and must not live as long as the text.
    plain: decoded.applicationData.slice(),
    author,
    forget() {
      step.forget()
    }
  }
}

function rejected(reason: string): MlsOpening {
  return { kind: 'rejected', reason }
}

/** Epochs are told apart by their exported id; the library's own history goes by number, which collides on forks. */
function withoutHistory(group: ClientState): ClientState {
  return { ...group, historicalReceiverData: new Map() }
}

function decodeWhole(bytes: Uint8Array): MLSMessage | undefined {
  try {
    const decoded = decodeMlsMessage(bytes, 0)
    return decoded?.[1] === bytes.byteLength ? decoded[0] : undefined
  } catch {
    return undefined
  }
}

function readKeyPackage(bytes: Uint8Array): KeyPackage | undefined {
  const message = decodeWhole(bytes)
  if (message?.wireformat !== 'mls_key_package') return undefined
  return message.keyPackage.cipherSuite === SUITE_NAME ? message.keyPackage : undefined
}

function privatePackageOf(own: KeyPackageWithSecrets): PrivateKeyPackage {
  return {
    initPrivateKey: own.initPrivateKey,
    hpkePrivateKey: own.leafPrivateKey,
    signaturePrivateKey: own.signatureSeed
  }
}
