import { bytesToHex } from '@noble/hashes/utils.js'
import type { Author, OpenResult, SealingSession } from '#messaging/ports.ts'
import type { PlainBytes } from '#protocol/brand.ts'
import {
  encodeCanonical,
  readBytes,
  readList,
  readMap,
  readText,
  type CborValue
} from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_LIVE_FRAME_BYTES, MAX_SEALED_BYTES } from '#protocol/limits.ts'
import type { SealingComponents } from './components.ts'
import { isSameAuthor } from './credential.ts'
import { envelopeLength, isEnvelopeLength, openEnvelope, sealEnvelope } from './envelope.ts'
import type { IdentityWithSecrets } from './identity.ts'
import { redactIdentity } from './identity.ts'
import {
  contextOf,
  createMls,
  encodeGroup,
  membersOf,
  ownLeafOf,
  type KeyPackageWithSecrets,
  type Mls,
  type MlsEpoch
} from './mls/mls.ts'
import { decodeSkipped, encodeSkipped } from './mls/skipped-keys.ts'
import { deriveSegment, type ChainWithSecrets } from './segment.ts'
import { decodeStored } from './stored.ts'

/** A {@link SealingSession} with the names that the client keeps it under. */
export interface Session extends SealingSession {
  /** MLS group id, lower-case hex, 32 characters; the same for every member. */
  readonly conversationId: string
  /** Id of the epoch that {@link SealingSession.seal} uses, lower-case hex, 32 characters; unique per branch of a fork. */
  readonly epochId: string
}

/** Secrets of one epoch, derived by the MLS exporter. */
interface Epoch {
  readonly id: string
  mls: MlsEpoch
  readonly envelopeKey: Uint8Array
  readonly liveKey: Uint8Array
}

interface SessionState {
  readonly groupId: Uint8Array
  /** The chain of logs that an epoch opened. */
  readonly chain: ChainWithSecrets
  /** By id, oldest first. New messages are sealed under the last one. */
  readonly epochs: ReadonlyMap<string, Epoch>
}

const VERSION = 1
const GROUP_ID_BYTES = 16
const MAX_SESSION_BYTES = 8 * 2 ** 20
const MAX_EPOCHS = 64

/** MLS exporter labels. */
const LABEL = {
  epochId: 'dd/eid',
  envelope: 'dd/env',
  chain: 'dd/chain',
  live: 'dd/live'
} as const

/**
 * Founds a conversation of two: creates the group and adds the device that offers `keyPackage`.
 *
 * @param init.keyPackage - MLS key package whose credential names `init.contact`: checked here again.
 * @returns the session, and the MLS Welcome for the other side.
 * @throws {DeadDropError} `invite-forged` when the key package is not valid or names somebody else.
 */
export async function createSession(
  components: SealingComponents,
  init: {
    readonly identity: IdentityWithSecrets
    readonly contact: Author
    readonly keyPackage: Uint8Array
  }
): Promise<{ readonly session: Session; readonly welcome: Uint8Array }> {
  const mls = await createMls(components)
  const offered = await mls.readKeyPackage(init.keyPackage)
  if (offered === undefined || !isSameAuthor(offered, init.contact)) {
    throw new DeadDropError('invite-forged', 'key package does not name the inviter')
  }
  const groupId = components.random(GROUP_ID_BYTES)
  const own = await mls.createKeyPackage(init.identity)
  let founded: Awaited<ReturnType<Mls['createGroupOfTwo']>>
  try {
    founded = await mls.createGroupOfTwo(groupId, own, init.keyPackage)
  } catch (cause) {
    throw new DeadDropError('invite-forged', 'key package is not valid', { cause })
  }
  const session = await openSession(components, mls, founded.epoch)
  return { session, welcome: founded.welcome }
}

/** Why a Welcome leads nowhere. */
export type JoinRefusal = 'welcome-invalid' | 'not-a-conversation-of-two' | 'other-person'

/**
 * Joins a conversation of two that `contact` founded.
 *
 * Pure in the Welcome: may be repeated, each time with a fresh writer, so repeat it only while no session of this
 * conversation is kept.
 */
export async function joinSession(
  components: SealingComponents,
  init: {
    readonly identity: IdentityWithSecrets
    readonly contact: Author
    readonly keyPackage: KeyPackageWithSecrets
    readonly welcome: Uint8Array
  }
): Promise<Session | { readonly refused: JoinRefusal }> {
  const mls = await createMls(components)
  const epoch = await mls.join(init.keyPackage, init.welcome)
  if (epoch === undefined) return { refused: 'welcome-invalid' }
  const context = contextOf(epoch)
  const [founder, joiner, ...others] = membersOf(epoch)
  const isOfTwo =
    context.groupId.byteLength === GROUP_ID_BYTES &&
    context.epoch === 1n &&
    context.extensions === 0 &&
    epoch.group.ratchetTree.filter((node) => node?.nodeType === 'leaf').length === 2 &&
    others.length === 0
  if (!isOfTwo || founder === undefined || joiner === undefined) {
    return { refused: 'not-a-conversation-of-two' }
  }
  const isAsClaimed =
    isSameAuthor(founder, init.contact) &&
    isSameAuthor(joiner, redactIdentity(init.identity)) &&
    joiner.leafIndex === ownLeafOf(epoch)
  if (!isAsClaimed) return { refused: 'other-person' }
  return openSession(components, mls, epoch)
}

/**
 * Undoes {@link SealingSession.freeze}.
 *
 * @throws {DeadDropError} `data-newer` for a version of the future, `storage-corrupt` for anything else that `freeze` did
 *   not write.
 */
export async function thawSession(
  components: SealingComponents,
  bytes: Uint8Array
): Promise<Session> {
  const mls = await createMls(components)
  const state = decodeStored('session', bytes, MAX_SESSION_BYTES, VERSION, (value) =>
    readState(mls, value)
  )
  return createSealingSession(components, mls, state)
}

async function openSession(
  components: SealingComponents,
  mls: Mls,
  mlsEpoch: MlsEpoch
): Promise<Session> {
  const epoch: Epoch = {
    id: bytesToHex(await mls.exportSecret(mlsEpoch, LABEL.epochId, 16)),
    mls: mlsEpoch,
    envelopeKey: await mls.exportSecret(mlsEpoch, LABEL.envelope, 32),
    liveKey: await mls.exportSecret(mlsEpoch, LABEL.live, 32)
  }
  const chain: ChainWithSecrets = {
    secret: await mls.exportSecret(mlsEpoch, LABEL.chain, 32),
    writerSecret: components.random(32)
  }
  const { groupId } = contextOf(mlsEpoch)
  return createSealingSession(components, mls, {
    groupId,
    chain,
    epochs: new Map([[epoch.id, epoch]])
  })
}

/**
 * Limits: a message may overtake 5,000 others of its sender (`MAX_SKIPPED_MESSAGES`); further ahead it is `waiting`
 * until earlier ones were opened. Keys of messages that never come are kept up to the same number per sender; the oldest
 * give way, unless the message that needs the room is opened as an early one.
 *
 * Forward secrecy: the key of a message dies when it is opened. The keys of an epoch can be derived anew from the Welcome
 * by whoever holds the key package's private parts, so an inviter who keeps an invite keeps that door open; it closes
 * with the first commit of both sides, or when the invite is deleted.
 */
function createSealingSession(
  components: SealingComponents,
  mls: Mls,
  state: SessionState
): Session {
  const { groupId, chain, epochs } = state
  const head = [...epochs.values()].at(-1)
  if (head === undefined) throw new DeadDropError('internal', 'session has no epoch')

  return {
    conversationId: bytesToHex(groupId),
    epochId: head.id,
    segment: (number) => deriveSegment(chain, number),

    members: () => membersOf(head.mls).map(({ userId, deviceId }) => ({ userId, deviceId })),

    async seal(plain) {
      const sealing = await mls.seal(head.mls, plain)
      const length = envelopeLength(sealing.message.byteLength)
      if (length > MAX_SEALED_BYTES) {
        // Nothing was used up: the ratchet stands where it stood, and this ciphertext never leaves.
        throw new DeadDropError(
          'text-too-long',
          `envelope is ${length} bytes, allowed 1..${MAX_SEALED_BYTES}`
        )
      }
      const sealed = sealEnvelope(components, head.envelopeKey, sealing.message)
      head.mls = sealing.epoch
      sealing.forget()
      return sealed
    },

    async open(sealed, { isEarly = false } = {}): Promise<OpenResult> {
      if (!isEnvelopeLength(sealed.byteLength)) return { kind: 'rejected', reason: 'malformed' }
      for (const epoch of [...epochs.values()].reverse()) {
        const message = openEnvelope(epoch.envelopeKey, sealed)
        if (message === undefined) continue
        const opening = await mls.open(epoch.mls, message, { isEarly })
        if (opening.kind !== 'opened') return opening
        epoch.mls = opening.epoch
        opening.forget()
        const plain = opening.plain as PlainBytes // the brand of what a member sealed: seal() takes nothing else
        return { kind: 'opened', plain, author: opening.author }
      }
      return { kind: 'waiting', reason: 'unknown-epoch' }
    },

    async sealLive(plain) {
      return sealEnvelope(components, head.liveKey, plain, MAX_LIVE_FRAME_BYTES)
    },

    async openLive(sealed) {
      for (const epoch of [...epochs.values()].reverse()) {
        const plain = openEnvelope(epoch.liveKey, sealed)
        if (plain !== undefined) return plain as PlainBytes // as in open()
      }
      return undefined
    },

    freeze: () =>
      encodeCanonical({
        v: VERSION,
        group: groupId,
        chain: { secret: chain.secret, writer: chain.writerSecret },
        epochs: [...epochs.values()].map((epoch) => ({
          id: epoch.id,
          envelope: epoch.envelopeKey,
          live: epoch.liveKey,
          mls: encodeGroup(epoch.mls),
          skipped: encodeSkipped(epoch.mls.skipped)
        }))
      })
  }
}

function readState(mls: Mls, value: CborValue): SessionState {
  const map = readMap(value, 'session', ['v', 'group', 'chain', 'epochs'])
  const chain = readMap(map['chain'], 'chain', ['secret', 'writer'])
  const epochs = readList(map['epochs'], 'epochs', MAX_EPOCHS, (item): [string, Epoch] => {
    const epoch = readMap(item, 'epoch', ['id', 'envelope', 'live', 'mls', 'skipped'])
    const id = readText(epoch['id'], 'epoch id', 32)
    const group = mls.decodeGroup(readBytes(epoch['mls'], 'group', 1, MAX_SESSION_BYTES))
    const skipped = decodeSkipped(readBytes(epoch['skipped'], 'skipped keys', 0, MAX_SESSION_BYTES))
    return [
      id,
      {
        id,
        mls: { group, skipped },
        envelopeKey: readBytes(epoch['envelope'], 'envelope key', 32),
        liveKey: readBytes(epoch['live'], 'live key', 32)
      }
    ]
  })
  if (epochs.length === 0) throw new DeadDropError('bytes-malformed', 'session has no epoch')
  return {
    groupId: readBytes(map['group'], 'group id', GROUP_ID_BYTES),
    chain: {
      secret: readBytes(chain['secret'], 'chain secret', 32),
      writerSecret: readBytes(chain['writer'], 'writer secret', 32)
    },
    epochs: new Map(epochs)
  }
}
