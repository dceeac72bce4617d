import type { EntryHash } from '#protocol/brand.ts'
import type { DeliveryStatus, DeliveryTrail } from './delivery.ts'
import type { Author } from './ports.ts'

/** Place of an entry in its conversation: `(time, hash)`, the same on every device. */
export interface Order {
  /** Order time, 1..`MAX_ORDER_TIME`: grows from segment to segment, and along the causal order inside one. */
  readonly time: number
  readonly hash: EntryHash
}

/** A text came out of the seal. */
export interface MessageOpened {
  readonly kind: 'message-opened'
  readonly id: string
  readonly author: Author
  readonly text: string
  readonly sentAtMs: number
  readonly order: Order
}

/** This device wrote a text; it may not be in the log yet. */
export interface MessageComposed {
  readonly kind: 'message-composed'
  readonly id: string
  readonly author: Author
  readonly text: string
  readonly sentAtMs: number
  /** Order among composed messages that are not in the log yet: see `nextSequence`. */
  readonly sequence: number
}

/** An own message is in the log and on this disk. */
export interface MessageAppended {
  readonly kind: 'message-appended'
  readonly id: string
  readonly author: Author
  readonly order: Order
  /** When, by this device's clock, Unix ms. */
  readonly atMs: number
}

/** Another member's device acknowledged messages; the seal proved who it was. */
export interface DeliveryReceipt {
  readonly kind: 'delivery-receipt'
  readonly by: Author
  readonly ids: readonly string[]
  readonly state: 'delivered' | 'read'
  /** The receiving device's clock, Unix ms. */
  readonly atMs: number
}

/** A node signed that it holds entries; `ids` are the own messages among them. */
export interface NodeReceipt {
  readonly kind: 'node-receipt'
  readonly peerId: string
  readonly ids: readonly string[]
  readonly receivedAtMs: number
  readonly heldUntilMs: number
}

/**
 * What a device may learn about a conversation. Facts of one conversation only: the caller keeps conversations apart.
 * A fact is only as true as the signature behind it, which was checked before it became a fact.
 */
export type Fact = MessageOpened | MessageComposed | MessageAppended | DeliveryReceipt | NodeReceipt

interface Opened {
  readonly text: string
  readonly sentAtMs: number
  readonly order: Order
}

interface Composed {
  readonly text: string
  readonly sentAtMs: number
  readonly sequence: number
}

/** What one author said under one message id. */
export interface MessageVersion {
  readonly author: Author
  readonly opened: Opened | null
  readonly composed: Composed | null
  /** Smallest order under which this device appended it. */
  readonly appended: Order | null
  readonly onDeviceAtMs: number | null
}

export interface DeviceAcknowledgement {
  readonly by: Author
  readonly deliveredAtMs: number | null
  readonly readAtMs: number | null
}

export interface NodeHold {
  readonly peerId: string
  readonly receivedAtMs: number
  readonly heldUntilMs: number
}

/**
 * Everything known about one message id, also before the message itself came. Normally one version; a member who takes
 * another's id adds one of their own and touches nothing else. Lists are sorted, so that equal knowledge is equal data.
 */
export interface MessageCell {
  readonly id: string
  readonly versions: readonly MessageVersion[]
  readonly acknowledgements: readonly DeviceAcknowledgement[]
  readonly holds: readonly NodeHold[]
}

/** One message as it is shown: read from its cell with {@link recordsOf}. */
export interface MessageRecord {
  readonly id: string
  readonly author: Author
  readonly text: string
  /** The author's clock, Unix ms. */
  readonly sentAtMs: number
  /** `null` while composed and not in the log. */
  readonly order: Order | null
  /** Order among messages without {@link order}. */
  readonly sequence: number | null
  readonly onDeviceAtMs: number | null
  /** Other users' devices, oldest first. */
  readonly acknowledgements: readonly DeviceAcknowledgement[]
  /** Oldest first. */
  readonly holds: readonly NodeHold[]
}

/** The ids whose cells a fact changes, each once. */
export function idsOf(fact: Fact): readonly string[] {
  switch (fact.kind) {
    case 'message-opened':
    case 'message-composed':
    case 'message-appended':
      return [fact.id]
    case 'delivery-receipt':
    case 'node-receipt':
      return [...new Set(fact.ids)]
  }
}

export function emptyCell(id: string): MessageCell {
  return { id, versions: [], acknowledgements: [], holds: [] }
}

/**
 * Adds a fact to the cell of one of its ids. Pure. Facts join: any order and any repetition of the same facts gives the
 * same cell, and a fact that says nothing new returns `cell` itself.
 */
export function foldFact(cell: MessageCell, fact: Fact): MessageCell {
  if (!idsOf(fact).includes(cell.id)) return cell
  const joined = joinCells(cell, cellOf(cell.id, fact))
  return isSameCell(joined, cell) ? cell : joined
}

/** The least cell that knows what `a` and `b` know: commutative, associative, idempotent. Both must have the same id. */
export function joinCells(a: MessageCell, b: MessageCell): MessageCell {
  return {
    id: a.id,
    versions: joinLists(
      a.versions,
      b.versions,
      (version) => authorKey(version.author),
      joinVersions
    ),
    acknowledgements: joinLists(
      a.acknowledgements,
      b.acknowledgements,
      (acknowledgement) => authorKey(acknowledgement.by),
      (left, right) => ({
        by: left.by,
        deliveredAtMs: least(left.deliveredAtMs, right.deliveredAtMs, compareNumbers),
        readAtMs: least(left.readAtMs, right.readAtMs, compareNumbers)
      })
    ),
    holds: joinLists(
      a.holds,
      b.holds,
      (hold) => hold.peerId,
      (left, right) => ({
        peerId: left.peerId,
        receivedAtMs: Math.min(left.receivedAtMs, right.receivedAtMs),
        heldUntilMs: Math.max(left.heldUntilMs, right.heldUntilMs)
      })
    )
  }
}

/** The messages in a cell whose text is known, in the order of {@link compareRecords}. */
export function recordsOf(cell: MessageCell): readonly MessageRecord[] {
  return cell.versions
    .map((version) => recordOf(cell, version))
    .filter((record) => record !== null)
    .sort(compareRecords)
}

/**
 * The order of a conversation: by place in the log; what is not in the log yet comes last, in the order of composition.
 * A total order; the same on every device for messages that are in the log.
 */
export function compareRecords(a: MessageRecord, b: MessageRecord): number {
  if (a.order !== null && b.order !== null) {
    return compareOrders(a.order, b.order) || compareIdentity(a, b)
  }
  if (a.order !== null) return -1
  if (b.order !== null) return 1
  return compareNumbers(a.sequence ?? 0, b.sequence ?? 0) || compareIdentity(a, b)
}

/** The strongest step that an own message has reached; only ever grows. Meaningless for others' messages. */
export function statusOf(record: MessageRecord): DeliveryStatus {
  if (record.acknowledgements.some((acknowledgement) => acknowledgement.readAtMs !== null)) {
    return 'read'
  }
  if (record.acknowledgements.length > 0) return 'delivered'
  if (record.holds.length > 0) return 'held'
  return record.order !== null ? 'on-device' : 'sending'
}

export function trailOf(record: MessageRecord): DeliveryTrail {
  return {
    onDeviceAtMs: record.onDeviceAtMs,
    nodes: record.holds,
    devices: record.acknowledgements.map(({ by, deliveredAtMs, readAtMs }) => ({
      userId: by.userId,
      deviceId: by.deviceId,
      deliveredAtMs,
      readAtMs
    }))
  }
}

/** @returns below 0 when `a` comes first. Hashes compare by code unit: no locale may change the order. */
function compareOrders(a: Order, b: Order): number {
  return compareNumbers(a.time, b.time) || compareTexts(a.hash, b.hash)
}

/** One name for an author, sortable. */
export function authorKey(author: Author): string {
  return `${author.userId}:${author.deviceId}`
}

function cellOf(id: string, fact: Fact): MessageCell {
  const cell = emptyCell(id)
  switch (fact.kind) {
    case 'message-opened': {
      const { author, text, sentAtMs, order } = fact
      const opened = { text, sentAtMs, order }
      return {
        ...cell,
        versions: [{ author, opened, composed: null, appended: null, onDeviceAtMs: null }]
      }
    }
    case 'message-composed': {
      const { author, text, sentAtMs, sequence } = fact
      const composed = { text, sentAtMs, sequence }
      return {
        ...cell,
        versions: [{ author, opened: null, composed, appended: null, onDeviceAtMs: null }]
      }
    }
    case 'message-appended': {
      const { author, order, atMs } = fact
      return {
        ...cell,
        versions: [{ author, opened: null, composed: null, appended: order, onDeviceAtMs: atMs }]
      }
    }
    case 'delivery-receipt': {
      const deliveredAtMs = fact.state === 'delivered' ? fact.atMs : null
      const readAtMs = fact.state === 'read' ? fact.atMs : null
      return { ...cell, acknowledgements: [{ by: fact.by, deliveredAtMs, readAtMs }] }
    }
    case 'node-receipt': {
      const { peerId, receivedAtMs, heldUntilMs } = fact
      return { ...cell, holds: [{ peerId, receivedAtMs, heldUntilMs }] }
    }
  }
}

function joinVersions(a: MessageVersion, b: MessageVersion): MessageVersion {
  return {
    author: a.author,
    opened: least(a.opened, b.opened, compareOpened),
    composed: least(a.composed, b.composed, compareComposed),
    appended: least(a.appended, b.appended, compareOrders),
    onDeviceAtMs: least(a.onDeviceAtMs, b.onDeviceAtMs, compareNumbers)
  }
}

function recordOf(cell: MessageCell, version: MessageVersion): MessageRecord | null {
  // What members can read in the log wins over what this device remembers of its own composing.
  const source = version.opened ?? version.composed
  if (source === null) return null
  return {
    id: cell.id,
    author: version.author,
    text: source.text,
    sentAtMs: source.sentAtMs,
    order: least(version.opened?.order ?? null, version.appended, compareOrders),
    sequence: version.composed?.sequence ?? null,
    onDeviceAtMs: version.onDeviceAtMs,
    acknowledgements: cell.acknowledgements
      // Nobody acknowledges their own message: neither this device nor another one of the same user.
      .filter(({ by }) => by.userId !== version.author.userId)
      .map((acknowledgement) => ({
        ...acknowledgement,
        // Who read it has it, and had it no later than that.
        deliveredAtMs: least(
          acknowledgement.deliveredAtMs,
          acknowledgement.readAtMs,
          compareNumbers
        )
      }))
      .sort(
        (a, b) =>
          compareNumbers(a.deliveredAtMs ?? 0, b.deliveredAtMs ?? 0) ||
          compareTexts(authorKey(a.by), authorKey(b.by))
      ),
    holds: [...cell.holds].sort(
      (a, b) => compareNumbers(a.receivedAtMs, b.receivedAtMs) || compareTexts(a.peerId, b.peerId)
    )
  }
}

function compareIdentity(a: MessageRecord, b: MessageRecord): number {
  return compareTexts(a.id, b.id) || compareTexts(authorKey(a.author), authorKey(b.author))
}

function compareOpened(a: Opened, b: Opened): number {
  return (
    compareOrders(a.order, b.order) ||
    compareTexts(a.text, b.text) ||
    compareNumbers(a.sentAtMs, b.sentAtMs)
  )
}

function compareComposed(a: Composed, b: Composed): number {
  return (
    compareNumbers(a.sequence, b.sequence) ||
    compareTexts(a.text, b.text) ||
    compareNumbers(a.sentAtMs, b.sentAtMs)
  )
}

function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The smaller of two that may be missing. */
function least<T>(a: T | null, b: T | null, compare: (a: T, b: T) => number): T | null {
  if (a === null || b === null) return a ?? b
  return compare(a, b) <= 0 ? a : b
}

function joinLists<T>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (item: T) => string,
  join: (a: T, b: T) => T
): readonly T[] {
  const items = new Map(a.map((item) => [keyOf(item), item]))
  for (const item of b) {
    const known = items.get(keyOf(item))
    items.set(keyOf(item), known === undefined ? item : join(known, item))
  }
  return [...items.entries()]
    .sort(([left], [right]) => compareTexts(left, right))
    .map(([, item]) => item)
}

/** Cells are plain data with a fixed order of fields and of items: equal text means equal knowledge. */
function isSameCell(a: MessageCell, b: MessageCell): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
