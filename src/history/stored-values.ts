import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import type { CborValue } from '#protocol/cbor.ts'
import { readBytes, readInteger, readList, readMap, readText } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_ORDER_TIME, MAX_SEALED_BYTES, MAX_TEXT_BYTES } from '#protocol/limits.ts'
import type { MessageCell, MessageVersion, Order } from '#messaging/conversation-reducer.ts'
import type { HoldTask, OutboxItem } from '#messaging/outbox.ts'
import type { Author } from '#messaging/ports.ts'
import type { DueReceipt } from '#messaging/receipt-batch.ts'
import type { ParkedEntry } from './history.ts'
import { bytesRecord, cborRecord } from './record-kind.ts'
import type { RecordKind } from './record-kind.ts'

/** A cell and what only this device knows about it. */
export interface StoredCell {
  readonly cell: MessageCell
  /** Authors (as `authorKey`) whose message the user has seen here; sorted. */
  readonly seen: readonly string[]
}

/** What an index points to. */
export interface IndexTarget {
  readonly id: string
  readonly author: Author
}

const MAX_ITEMS = 1_000_000
const MAX_TEXT = 1_024
const MAX_NUMBER = Number.MAX_SAFE_INTEGER

/** A {@link cborRecord} that fails where it can be told, and not at the next start, when a value would not read back. */
function codec<T>(
  name: string,
  write: (value: T) => CborValue,
  read: (value: CborValue) => T
): RecordKind<T> {
  const kind = cborRecord(name, write, read)
  return {
    ...kind,
    encode(value) {
      const bytes = kind.encode(value)
      try {
        kind.decode(bytes)
      } catch (cause) {
        throw new DeadDropError('internal', `${name} does not read back`, { cause })
      }
      return bytes
    }
  }
}

export const formatCodec = codec<number>(
  'format version',
  (value) => value,
  (value) => readInteger(value, 'format version', 1, MAX_NUMBER)
)

export const sessionCodec = bytesRecord('session')

export const cursorCodec = codec<number>(
  'cursor',
  (value) => value,
  (value) => readInteger(value, 'cursor', 0, MAX_NUMBER)
)

export const indexCodec = codec<IndexTarget>(
  'message index',
  ({ id, author }) => [id, ...writeAuthor(author)],
  (value) => {
    const [id, userId, deviceId] = readTuple(value, 'message index', 3)
    return {
      id: readString(id),
      author: { userId: readString(userId), deviceId: readString(deviceId) }
    }
  }
)

export const cellCodec = codec<StoredCell>(
  'message',
  ({ cell, seen }) => ({
    id: cell.id,
    versions: cell.versions.map(writeVersion),
    acks: cell.acknowledgements.map(({ by, deliveredAtMs, readAtMs }) => [
      ...writeAuthor(by),
      deliveredAtMs,
      readAtMs
    ]),
    holds: cell.holds.map(({ peerId, receivedAtMs, heldUntilMs }) => [
      peerId,
      receivedAtMs,
      heldUntilMs
    ]),
    seen: [...seen]
  }),
  (value) => {
    const map = readMap(value, 'message', ['id', 'versions', 'acks', 'holds', 'seen'])
    return {
      cell: {
        id: readString(map['id']),
        versions: readList(map['versions'], 'versions', MAX_ITEMS, readVersion),
        acknowledgements: readList(map['acks'], 'acknowledgements', MAX_ITEMS, (item) => {
          const [userId, deviceId, deliveredAtMs, readAtMs] = readTuple(item, 'acknowledgement', 4)
          return {
            by: { userId: readString(userId), deviceId: readString(deviceId) },
            deliveredAtMs: readOptional(deliveredAtMs, readTime),
            readAtMs: readOptional(readAtMs, readTime)
          }
        }),
        holds: readList(map['holds'], 'holds', MAX_ITEMS, (item) => {
          const [peerId, receivedAtMs, heldUntilMs] = readTuple(item, 'hold', 3)
          return {
            peerId: readString(peerId),
            receivedAtMs: readTime(receivedAtMs),
            heldUntilMs: readTime(heldUntilMs)
          }
        })
      },
      seen: readList(map['seen'], 'seen', MAX_ITEMS, readString)
    }
  }
)

const OUTBOX_KINDS = ['text', 'receipt', 'profile'] as const

export const outboxCodec = codec<OutboxItem>(
  'outbox',
  (item) => ({ ...item }),
  (value) => {
    const map = readMap(value, 'outbox item', ['id', 'conversation', 'kind', 'sequence', 'sealed'])
    return {
      id: readString(map['id']),
      conversation: readString(map['conversation']),
      kind: readOneOf(map['kind'], OUTBOX_KINDS),
      sequence: readInteger(map['sequence'], 'sequence', 0, MAX_NUMBER),
      sealed: readSealed(map['sealed'])
    }
  }
)

export const parkedCodec = codec<ParkedEntry>(
  'parked entry',
  ({ entry, reason, parkedAtMs }) => ({ ...entry, reason: reason.slice(0, MAX_TEXT), parkedAtMs }),
  (value) => {
    const map = readMap(value, 'parked entry', [
      'log',
      'hash',
      'writer',
      'time',
      'arrival',
      'sealed',
      'reason',
      'parkedAtMs'
    ])
    return {
      entry: {
        log: readLog(map['log']),
        hash: readHash(map['hash']),
        writer: readString(map['writer']),
        time: readInteger(map['time'], 'time', 0, MAX_ORDER_TIME),
        arrival: readInteger(map['arrival'], 'arrival', 0, MAX_NUMBER),
        sealed: readSealed(map['sealed'])
      },
      reason: readString(map['reason']),
      parkedAtMs: readTime(map['parkedAtMs'])
    }
  }
)

const RECEIPT_STATES = ['delivered', 'read'] as const

export const dueCodec = codec<DueReceipt>(
  'due receipt',
  ({ id, state, sinceMs }) => [id, state, sinceMs],
  (value) => {
    const [id, state, sinceMs] = readTuple(value, 'due receipt', 3)
    return {
      id: readString(id),
      state: readOneOf(state, RECEIPT_STATES),
      sinceMs: readTime(sinceMs)
    }
  }
)

export const holdCodec = codec<HoldTask>(
  'hold task',
  (task) => ({ ...task }),
  (value) => {
    const map = readMap(value, 'hold task', [
      'log',
      'peerId',
      'wanted',
      'held',
      'heldUntilMs',
      'failures',
      'dueAtMs'
    ])
    return {
      log: readLog(map['log']),
      peerId: readString(map['peerId']),
      wanted: readHash(map['wanted']),
      held: readOptional(map['held'], readHash),
      heldUntilMs: readOptional(map['heldUntilMs'], readTime),
      failures: readInteger(map['failures'], 'failures', 0, MAX_NUMBER),
      dueAtMs: readTime(map['dueAtMs'])
    }
  }
)

function writeVersion(version: MessageVersion): CborValue {
  const { author, opened, composed, appended, onDeviceAtMs } = version
  return [
    ...writeAuthor(author),
    opened === null ? null : [opened.text, opened.sentAtMs, ...writeOrder(opened.order)],
    composed === null ? null : [composed.text, composed.sentAtMs, composed.sequence],
    appended === null ? null : writeOrder(appended),
    onDeviceAtMs
  ]
}

function readVersion(value: CborValue): MessageVersion {
  const [userId, deviceId, opened, composed, appended, onDeviceAtMs] = readTuple(
    value,
    'version',
    6
  )
  return {
    author: { userId: readString(userId), deviceId: readString(deviceId) },
    opened: readOptional(opened, (item) => {
      const [text, sentAtMs, time, hash] = readTuple(item, 'opened', 4)
      return { text: readBody(text), sentAtMs: readTime(sentAtMs), order: readOrder([time, hash]) }
    }),
    composed: readOptional(composed, (item) => {
      const [text, sentAtMs, sequence] = readTuple(item, 'composed', 3)
      return {
        text: readBody(text),
        sentAtMs: readTime(sentAtMs),
        sequence: readInteger(sequence, 'sequence', 0, MAX_NUMBER)
      }
    }),
    appended: readOptional(appended, (item) => readOrder(readTuple(item, 'appended', 2))),
    onDeviceAtMs: readOptional(onDeviceAtMs, readTime)
  }
}

function writeAuthor(author: Author): readonly [string, string] {
  return [author.userId, author.deviceId]
}

function writeOrder(order: Order): readonly [number, string] {
  return [order.time, order.hash]
}

function readOrder([time, hash]: readonly (CborValue | undefined)[]): Order {
  return { time: readInteger(time, 'time', 0, MAX_ORDER_TIME), hash: readHash(hash) }
}

function readTuple(
  value: CborValue,
  subject: string,
  length: number
): readonly (CborValue | undefined)[] {
  const items = readList(value, subject, length, (item) => item)
  if (items.length !== length)
    throw new DeadDropError('bytes-malformed', `${subject} has too few fields`)
  return items
}

function readOptional<T>(value: CborValue | undefined, read: (value: CborValue) => T): T | null {
  return value === null || value === undefined ? null : read(value)
}

function readOneOf<T extends string>(value: CborValue | undefined, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value)
  if (found === undefined)
    throw new DeadDropError('bytes-malformed', 'value is none of the known ones')
  return found
}

function readString(value: CborValue | undefined): string {
  return readText(value, 'text', MAX_TEXT)
}

function readBody(value: CborValue | undefined): string {
  return readText(value, 'message text', MAX_TEXT_BYTES)
}

function readTime(value: CborValue | undefined): number {
  return readInteger(value, 'time', 0, MAX_NUMBER)
}

function readSealed(value: CborValue | undefined): SealedBytes {
  // The cast is to the brand: only sealed bytes were stored, and the vault authenticated them.
  return readBytes(value, 'sealed bytes', 1, MAX_SEALED_BYTES) as SealedBytes
}

function readHash(value: CborValue | undefined): EntryHash {
  // The cast is to the brand: only entry hashes were stored, and the vault authenticated them.
  return readString(value) as EntryHash
}

function readLog(value: CborValue | undefined): LogAddress {
  // The cast is to the brand: only log addresses were stored, and the vault authenticated them.
  return readString(value) as LogAddress
}
