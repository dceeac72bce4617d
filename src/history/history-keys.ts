import type { LogAddress } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { MessageRecord } from '#messaging/conversation-reducer.ts'
import { isMessageId } from '#messaging/message-id.ts'
import type { HoldTask, OutboxItem } from '#messaging/outbox.ts'
import type { DueReceipt } from '#messaging/receipt-batch.ts'
import type { ParkedEntry } from './history.ts'

/**
 * Every key of the local store. Keys are not encrypted: they hold random ids, hashes, numbers and times of this device,
 * never a name, a text or a user id. Numbers are hex of fixed width, so that keys order as the numbers do.
 */
export const ROOT = 'history/'
export const FORMAT_KEY = `${ROOT}format`

/** The indexes over a conversation's messages; each key ends with a {@link positionOf}. */
export const INDEXES = ['order', 'unread', 'undelivered'] as const
export type IndexName = (typeof INDEXES)[number]

const CONVERSATION = /^[0-9a-f]{32}$/
const PLAIN_PART = /^[A-Za-z0-9_-]{1,128}$/
const KIND = /^[a-z][a-z-]{0,31}$/
const LOG = /^\/orbitdb\/([A-Za-z0-9]{1,128})$/

const TIME_DIGITS = 14 // MAX_ORDER_TIME is a safe integer
const NUMBER_DIGITS = 14 // safe integers

export function recordKey(kind: string, id: string): string {
  return `${recordPrefix(kind)}${checked(PLAIN_PART, id, 'record id')}`
}

export function recordPrefix(kind: string): string {
  return `${ROOT}record/${checked(KIND, kind, 'record kind')}/`
}

export function sessionKey(conversation: string): string {
  return `${ROOT}session/${conversationPart(conversation)}`
}

export function cursorKey(log: LogAddress): string {
  return `${ROOT}cursor/${logPart(log)}`
}

export function cellKey(conversation: string, id: string): string {
  if (!isMessageId(id)) throw unfit('message id', id)
  return `${cellPrefix(conversation)}${id}`
}

export function cellPrefix(conversation: string): string {
  return `${ROOT}message/${conversationPart(conversation)}/`
}

export function indexPrefix(index: IndexName, conversation: string): string {
  return `${ROOT}${index}/${conversationPart(conversation)}/`
}

export function outboxPrefix(conversation?: string): string {
  return conversation === undefined
    ? `${ROOT}outbox/`
    : `${ROOT}outbox/${conversationPart(conversation)}/`
}

export function outboxKey(item: OutboxItem): string {
  return `${outboxPrefix(item.conversation)}${number(item.sequence)}/${checked(PLAIN_PART, item.id, 'outbox id')}`
}

export function parkedPrefix(conversation: string): string {
  return `${ROOT}parked/${conversationPart(conversation)}/`
}

/** By time of parking first: room is made by giving up the oldest. */
export function parkedKey(conversation: string, parked: ParkedEntry): string {
  const { entry, parkedAtMs } = parked
  return `${parkedPrefix(conversation)}${number(parkedAtMs)}/${number(entry.arrival)}/${checked(PLAIN_PART, entry.hash, 'entry hash')}`
}

export function duePrefix(conversation: string): string {
  return `${ROOT}due/${conversationPart(conversation)}/`
}

export function dueKey(conversation: string, due: DueReceipt): string {
  if (!isMessageId(due.id)) throw unfit('message id', due.id)
  return `${duePrefix(conversation)}${number(due.sinceMs)}/${due.id}/${due.state}`
}

export const HOLD_PREFIX = `${ROOT}hold/`

export function holdKey(task: HoldTask): string {
  return `${HOLD_PREFIX}${logPart(task.log)}/${checked(PLAIN_PART, task.peerId, 'peer id')}`
}

/** Where an unreadable value is set aside, so that nothing is destroyed that a repair might read. */
export function corruptKey(key: string): string {
  return `${ROOT}corrupt/${key.slice(ROOT.length)}`
}

/** The first key after all keys that begin with `prefix`, which ends with `/`. */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0` // '0' is the code unit after '/'
}

/**
 * Sorts as `compareRecords` does. One entry holds one message, so the hash alone already tells messages of a log apart.
 */
export function positionOf(record: MessageRecord): string {
  const { order, sequence, id } = record
  return order === null
    ? `b${number(sequence ?? 0)}/${id}`
    : `a${order.time.toString(16).padStart(TIME_DIGITS, '0')}/${checked(PLAIN_PART, order.hash, 'entry hash')}/${id}`
}

function conversationPart(conversation: string): string {
  return checked(CONVERSATION, conversation, 'conversation id')
}

function logPart(log: LogAddress): string {
  const name = LOG.exec(log)?.[1]
  if (name === undefined) throw unfit('log address', log)
  return name
}

function number(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new DeadDropError('internal', 'number in a key is not a safe integer of at least 0')
  }
  return value.toString(16).padStart(NUMBER_DIGITS, '0')
}

function checked(pattern: RegExp, part: string, subject: string): string {
  if (!pattern.test(part)) throw unfit(subject, part)
  return part
}

function unfit(subject: string, part: string): DeadDropError {
  return new DeadDropError(
    'internal',
    `${subject} of ${part.length} characters does not fit into a key`
  )
}
