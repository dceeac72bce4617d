import { bytesRecord, cborRecord } from '#history/record-kind.ts'
import {
  readBytes,
  readInteger,
  readList,
  readMap,
  readText,
  type CborValue
} from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import {
  MAX_ARCHIVE_MESSAGES,
  MAX_ARCHIVE_PARTICIPANTS,
  MAX_SEALED_BYTES,
  MAX_SEGMENTS
} from '#protocol/limits.ts'
import { ARCHIVE_FORMATS, type ArchiveFormat } from '#messaging/archive/archive.ts'
import type { KeptSegment } from '#replica/segments/segmented-log.ts'
import type { Settings, Verification } from './client.ts'

const MAX_TEXT = 4_096
const MAX_NODES = 64
const MAX_TIME_MS = 8.64e15

/** Id of a record that exists once. */
export const SELF = 'self'

/** Keys of the user and the device, as `encodeIdentity` writes them. */
export const identityKind = bytesRecord('identity')

/** How the user wants to be called. */
export const nameKind = cborRecord<string>(
  'name',
  (name) => name,
  (value) => readText(value, 'name', MAX_TEXT)
)

export const draftKind = cborRecord<string>(
  'draft',
  (text) => text,
  (value) => readText(value, 'draft', 1_000_000)
)

export const settingsKind = cborRecord<Settings>(
  'settings',
  ({ theme, language, sendReadReceipts, allowDirect, autoLock }) => ({
    theme,
    language,
    sendReadReceipts,
    allowDirect,
    autoLock
  }),
  (value) => {
    const map = readMap(value, 'settings', [
      'theme',
      'language',
      'sendReadReceipts',
      'allowDirect',
      'autoLock'
    ])
    return {
      theme: readOneOf(map['theme'], 'theme', ['system', 'light', 'dark']),
      language: readOneOf(map['language'], 'language', ['auto', 'en', 'fr']),
      sendReadReceipts: readFlag(map['sendReadReceipts'], 'sendReadReceipts'),
      allowDirect: readFlag(map['allowDirect'], 'allowDirect'),
      autoLock: readOneOf(map['autoLock'], 'autoLock', [
        'never',
        'five-minutes',
        'thirty-minutes',
        'hidden'
      ])
    }
  }
)

/** Nodes that the user added, and nodes of `config.json` that the user removed. */
export interface NodeChoice {
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

export const nodeChoiceKind = cborRecord<NodeChoice>(
  'node-choice',
  ({ added, removed }) => ({ added: [...added], removed: [...removed] }),
  (value) => {
    const map = readMap(value, 'node choice', ['added', 'removed'])
    return {
      added: readTexts(map['added'], 'added'),
      removed: readTexts(map['removed'], 'removed')
    }
  }
)

/** An own invite whose drop is watched until it expires. */
export interface InviteRecord {
  /** `encodeInviteWithSecrets`. */
  readonly invite: Uint8Array
  readonly payload: string
  /** The first entry of the drop. */
  readonly bundle: Uint8Array
  readonly createdAtMs: number
  readonly expiresAtMs: number
  /** Peer ids of nodes that signed for the bundle. */
  readonly heldBy: readonly string[]
  /** How many were begun through it. */
  readonly conversations: number
}

export const inviteKind = cborRecord<InviteRecord>(
  'invite',
  ({ invite, payload, bundle, createdAtMs, expiresAtMs, heldBy, conversations }) => ({
    invite,
    payload,
    bundle,
    createdAtMs,
    expiresAtMs,
    heldBy: [...heldBy],
    conversations
  }),
  (value) => {
    const map = readMap(value, 'invite', [
      'invite',
      'payload',
      'bundle',
      'createdAtMs',
      'expiresAtMs',
      'heldBy',
      'conversations'
    ])
    return {
      invite: readBytes(map['invite'], 'invite', 1, 1_048_576),
      payload: readText(map['payload'], 'payload', MAX_TEXT),
      bundle: readBytes(map['bundle'], 'bundle', 1, 1_048_576),
      createdAtMs: readTime(map['createdAtMs'], 'createdAtMs'),
      expiresAtMs: readTime(map['expiresAtMs'], 'expiresAtMs'),
      heldBy: readTexts(map['heldBy'], 'heldBy'),
      conversations: readInteger(map['conversations'], 'conversations', 0, 1_000_000)
    }
  }
)

/** A link that this user is accepting or has accepted. */
export interface AcceptanceRecord {
  readonly payload: string
  readonly startedAtMs: number
  /** Seed of the pseudonym under which this device writes to the inviter's drop. */
  readonly writerSeed: Uint8Array
  readonly inviterName: string | null
  readonly conversation: string | null
  /** The Welcome to leave in the drop; kept until a node or the inviter is known to have it. */
  readonly welcome: Uint8Array | null
  /** A code of `ERROR_CODES` when it failed for good. */
  readonly failure: string | null
}

export const acceptanceKind = cborRecord<AcceptanceRecord>(
  'acceptance',
  ({ payload, startedAtMs, writerSeed, inviterName, conversation, welcome, failure }) => ({
    payload,
    startedAtMs,
    writerSeed,
    inviterName,
    conversation,
    welcome,
    failure
  }),
  (value) => {
    const map = readMap(value, 'acceptance', [
      'payload',
      'startedAtMs',
      'writerSeed',
      'inviterName',
      'conversation',
      'welcome',
      'failure'
    ])
    return {
      payload: readText(map['payload'], 'payload', MAX_TEXT),
      startedAtMs: readTime(map['startedAtMs'], 'startedAtMs'),
      writerSeed: readBytes(map['writerSeed'], 'writerSeed', 32),
      inviterName: readNullable(map['inviterName'], (text) =>
        readText(text, 'inviterName', MAX_TEXT)
      ),
      conversation: readNullable(map['conversation'], (text) => readText(text, 'conversation', 64)),
      welcome: readNullable(map['welcome'], (bytes) => readBytes(bytes, 'welcome', 1, 1_048_576)),
      failure: readNullable(map['failure'], (text) => readText(text, 'failure', 64))
    }
  }
)

export interface ConversationRecord {
  readonly contactUserId: string
  readonly contactName: string
  readonly createdAtMs: number
  /** Nodes through which the other side is reached, from the invite. */
  readonly nodes: readonly string[]
}

export const conversationKind = cborRecord<ConversationRecord>(
  'conversation',
  ({ contactUserId, contactName, createdAtMs, nodes }) => ({
    contactUserId,
    contactName,
    createdAtMs,
    nodes: [...nodes]
  }),
  (value) => {
    const map = readMap(value, 'conversation', [
      'contactUserId',
      'contactName',
      'createdAtMs',
      'nodes'
    ])
    return {
      contactUserId: readText(map['contactUserId'], 'contactUserId', 64),
      contactName: readText(map['contactName'], 'contactName', MAX_TEXT),
      createdAtMs: readTime(map['createdAtMs'], 'createdAtMs'),
      nodes: readTexts(map['nodes'], 'nodes')
    }
  }
)

export interface VerificationRecord extends Verification {
  /** Root key that was verified, lower-case hex. */
  readonly userId: string
}

/** Id: the conversation's in which the contact was verified. */
export const verificationKind = cborRecord<VerificationRecord>(
  'verification',
  ({ userId, verifiedAtMs, by }) => ({ userId, verifiedAtMs, by }),
  (value) => {
    const map = readMap(value, 'verification', ['userId', 'verifiedAtMs', 'by'])
    return {
      userId: readText(map['userId'], 'userId', 64),
      verifiedAtMs: readTime(map['verifiedAtMs'], 'verifiedAtMs'),
      by: readOneOf(map['by'], 'by', ['code', 'comparison'])
    }
  }
)

/** An imported conversation; its messages stand in the history under the id of this record. */
export interface ArchiveRecord {
  readonly title: string
  readonly format: ArchiveFormat
  readonly importedAtMs: number
  readonly claimedBy: string | null
  readonly exportedAtMs: number | null
  /** Names by author; the author of a message is told by its place here. */
  readonly participants: readonly string[]
  /** Which participant is this user. */
  readonly self: number | null
  readonly messages: number
  /** Until all of its messages are stored, and from the moment when it is being removed, it is not shown. */
  readonly isWhole: boolean
}

export const archiveKind = cborRecord<ArchiveRecord>(
  'archive',
  (record) => ({ ...record, participants: [...record.participants] }),
  (value) => {
    const map = readMap(value, 'archive', [
      'title',
      'format',
      'importedAtMs',
      'claimedBy',
      'exportedAtMs',
      'participants',
      'self',
      'messages',
      'isWhole'
    ])
    return {
      title: readText(map['title'], 'title', MAX_TEXT),
      format: readOneOf(map['format'], 'format', ARCHIVE_FORMATS),
      importedAtMs: readTime(map['importedAtMs'], 'importedAtMs'),
      claimedBy: readNullable(map['claimedBy'], (text) => readText(text, 'claimedBy', MAX_TEXT)),
      exportedAtMs: readNullable(map['exportedAtMs'], (time) => readTime(time, 'exportedAtMs')),
      participants: readList(
        map['participants'],
        'participants',
        MAX_ARCHIVE_PARTICIPANTS,
        (item, subject) => readText(item, subject, MAX_TEXT)
      ),
      self: readNullable(map['self'], (index) =>
        readInteger(index, 'self', 0, MAX_ARCHIVE_PARTICIPANTS)
      ),
      messages: readInteger(map['messages'], 'messages', 1, MAX_ARCHIVE_MESSAGES),
      isWhole: readFlag(map['isWhole'], 'isWhole')
    }
  }
)

/** The segments of a conversation that this device keeps, oldest first. Id: the conversation's. */
export const chainKind = cborRecord<readonly KeptSegment[]>(
  'chain',
  (kept) =>
    kept.map(({ number, firstSeenAtMs, leftAtMs }) => ({ number, firstSeenAtMs, leftAtMs })),
  (value) =>
    readList(value, 'chain', MAX_SEGMENTS, (item) => {
      const map = readMap(item, 'segment', ['number', 'firstSeenAtMs', 'leftAtMs'])
      return {
        number: readInteger(map['number'], 'number', 0, MAX_SEGMENTS - 1),
        firstSeenAtMs: readNullable(map['firstSeenAtMs'], (time) =>
          readTime(time, 'firstSeenAtMs')
        ),
        leftAtMs: readNullable(map['leftAtMs'], (time) => readTime(time, 'leftAtMs'))
      }
    })
)

/** What a later version sealed and this one cannot read: kept whole, because an entry opens once. */
export interface UnreadContent {
  readonly conversation: string
  readonly userId: string
  readonly deviceId: string
  readonly bytes: Uint8Array
}

/** Id: hash of the entry. */
export const unreadContentKind = cborRecord<UnreadContent>(
  'unread-content',
  ({ conversation, userId, deviceId, bytes }) => ({ conversation, userId, deviceId, bytes }),
  (value) => {
    const map = readMap(value, 'unread content', ['conversation', 'userId', 'deviceId', 'bytes'])
    return {
      conversation: readText(map['conversation'], 'conversation', 64),
      userId: readText(map['userId'], 'userId', 64),
      deviceId: readText(map['deviceId'], 'deviceId', 64),
      bytes: readBytes(map['bytes'], 'bytes', 1, MAX_SEALED_BYTES)
    }
  }
)

function readTexts(value: CborValue | undefined, subject: string): string[] {
  return readList(value, subject, MAX_NODES, (item, itemSubject) =>
    readText(item, itemSubject, MAX_TEXT)
  )
}

function readTime(value: CborValue | undefined, subject: string): number {
  return readInteger(value, subject, 0, MAX_TIME_MS)
}

function readNullable<T>(value: CborValue | undefined, read: (value: CborValue) => T): T | null {
  return value === null || value === undefined ? null : read(value)
}

function readFlag(value: CborValue | undefined, subject: string): boolean {
  if (typeof value !== 'boolean')
    throw new DeadDropError('bytes-malformed', `${subject} is not a boolean`)
  return value
}

function readOneOf<T extends string>(
  value: CborValue | undefined,
  subject: string,
  allowed: readonly T[]
): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) {
    throw new DeadDropError('bytes-malformed', `${subject} is not one of ${allowed.join(', ')}`)
  }
  return found
}
