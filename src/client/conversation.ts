import type {
  CommitOutcome,
  ConversationChange,
  History,
  HistoryChange,
  ParkedEntry
} from '#history/history.ts'
import { putRecord, type RecordWrite } from '#history/record-kind.ts'
import { composeMessage } from '#messaging/compose-message.ts'
import type { Fact, Order } from '#messaging/conversation-reducer.ts'
import type { Content } from '#messaging/message-codec.ts'
import { encodeContent } from '#messaging/message-codec.ts'
import { messageIdFromBytes, MESSAGE_ID_BYTES } from '#messaging/message-id.ts'
import {
  createAppendMatcher,
  inAppendOrder,
  nextSequence,
  type OutboxItem
} from '#messaging/outbox.ts'
import type { Author, SealingSession } from '#messaging/ports.ts'
import { planReceipts, type DueReceipt } from '#messaging/receipt-batch.ts'
import { receiveEntry } from '#messaging/receive-entry.ts'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'
import { MAX_RECEIPT_IDS } from '#protocol/limits.ts'
import type { PinReceipt } from '#protocol/pin-messages.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import type { SealedEntry } from '#replica/sealed-log.ts'
import { segmentOfOrderTime } from '#replica/segments/order-time.ts'
import type { SegmentedLog, SegmentView } from '#replica/segments/segmented-log.ts'
import type { Holder } from './holder.ts'
import { createPresence, type Presence } from './presence.ts'
import { conversationKind, unreadContentKind, type ConversationRecord } from './records.ts'
import { createRetryLoop } from './retry-loop.ts'
import {
  createSegmentKeeper,
  openChain,
  type SegmentKeeper,
  type SegmentPolicy
} from './segment-keeper.ts'
import { createSerial } from './serial.ts'

export interface ConversationComponents {
  readonly history: History
  readonly clock: Clock
  readonly randomBytes: (length: number) => Uint8Array
  /** 0..1, for jitter. */
  readonly random: () => number
  readonly thaw: (bytes: Uint8Array) => Promise<SealingSession>
}

export interface ConversationInit {
  readonly id: string
  readonly own: Author
  readonly record: ConversationRecord
  readonly session: SealingSession
  /** What differs from the usual bounds. */
  readonly segments: Partial<SegmentPolicy>
  readonly policy: () => { readonly sendReadReceipts: boolean; readonly allowDirect: boolean }
  /** Something was stored. */
  readonly onCommit: (outcome: CommitOutcome) => void
  /** Name, connection or reachability of the contact changed. */
  readonly onChange: () => void
  /** Storing failed or works again. */
  readonly onProblem: (
    problem: 'storage-full' | 'storage-denied' | 'storage-corrupt' | null
  ) => void
}

/** One conversation on this device: its sealing session, its chain of logs, and what is on the way in both directions. */
export interface Conversation {
  readonly id: string
  record(): ConversationRecord
  /** Peer ids of the contact's devices, as they announced themselves. */
  peers(): ReadonlySet<string>
  /** Connects the conversation to the network; before that, messages wait in the outbox. */
  attach(replica: Replica, holder: Holder): Promise<void>
  /** @returns the message id, when the message is on disk. */
  send(text: string): Promise<string>
  /** These messages of others were shown to the user: they stop being unread, and their authors may be told. */
  markSeen(ids: readonly string[]): Promise<void>
  /** Tells the other members how this user is called now. */
  rename(name: string): Promise<void>
  networkChanged(): void
  wake(): void
  stop(): Promise<void>
}

const BATCH_ENTRIES = 200
/** Parked entries that are tried again together, oldest first. */
const MAX_RETRIED = 1_000
/** Own texts of which this run remembers which nodes signed for them. */
const MAX_RECENT = 256
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 60_000

export function createConversation(
  components: ConversationComponents,
  init: ConversationInit
): Conversation {
  const { history, clock } = components
  const { id, own } = init
  /** Everything that moves the ratchet or the cursor, one after another. */
  const work = createSerial()
  const retry = {
    firstDelayMs: FIRST_RETRY_MS,
    maxDelayMs: MAX_RETRY_MS,
    random: components.random
  }
  const stopped = new AbortController()

  let record = init.record
  let session = init.session
  let chain: SegmentedLog | undefined
  let keeper: SegmentKeeper | undefined
  let holder: Holder | undefined
  let presence: Presence | undefined
  let sequence = 0
  /** Sealed and not known to be in the log; a mirror of what history keeps. */
  let outbox: readonly OutboxItem[] = []
  /** Given to the log by this process; the entry comes back through the log's events. */
  const appended = new WeakSet<OutboxItem>()
  /** Whether the logs were compared with the outbox since the start: before that, nothing may be appended again. */
  let isRecovered = false
  /** The newest own texts in the logs, and who signed for them in this run. */
  const recent = new Map<string, Recent>()
  /** Last processed arrivals, as they are on disk. */
  const cursors = new Map<LogAddress, number>()
  let isAnythingParked = true
  /** Whether parked entries may open now that could not before. */
  let isRetryDue = true
  /** Whether parked entries had to make room: their logs are read again when the others were opened. */
  let isRereadDue = false
  let cancelReceipts: (() => void) | undefined

  async function commit(
    change: Omit<ConversationChange, 'id' | 'ownUserId'>,
    rest: Omit<HistoryChange, 'conversations'> = {},
    options: { readonly isDurable?: boolean } = {}
  ): Promise<CommitOutcome> {
    try {
      const outcome = await history.commit(
        { ...rest, conversations: [{ ...change, id, ownUserId: own.userId }] },
        options
      )
      init.onProblem(isAnyDamaged() ? 'storage-corrupt' : null)
      init.onCommit(outcome)
      return outcome
    } catch (error) {
      await forgetUnstored()
      if (isDeadDropError(error) && isStorageProblem(error.code)) init.onProblem(error.code)
      throw error
    }
  }

  /** The ratchet in memory is ahead of the one on disk: what it opened or sealed since must not count. */
  async function forgetUnstored(): Promise<void> {
    const bytes = await history.session(id)
    if (bytes !== undefined) session = await components.thaw(bytes)
  }

  /** Seals, stores, and leaves the rest to {@link flush}. Runs inside {@link work}. */
  async function enqueue(
    content: Content,
    item: Pick<OutboxItem, 'id' | 'kind'>,
    change: Omit<ConversationChange, 'id' | 'ownUserId' | 'session' | 'outbox'>
  ): Promise<void> {
    const sealed = await session.seal(encodeContent(content))
    const stored: OutboxItem = {
      ...item,
      conversation: id,
      sequence,
      sealed
    }
    await commit(
      { ...change, session: session.freeze(), outbox: { put: [stored] } },
      {},
      { isDurable: true }
    )
    outbox = [...outbox, stored]
    flush.kick()
  }

  /** Appends what is sealed. What a crash left behind was matched against the log before: see {@link attach}. */
  const flush = createRetryLoop(clock, {
    ...retry,
    async attempt() {
      if (chain === undefined || !isRecovered) return false
      for (const item of inAppendOrder(outbox)) {
        if (appended.has(item)) continue
        try {
          await chain.append(item.sealed)
        } catch (error) {
          if (isDeadDropError(error) && isStorageProblem(error.code)) init.onProblem(error.code)
          throw error
        }
        appended.add(item)
      }
      return false
    }
  })

  function isAnyDamaged(): boolean {
    return chain?.segments().some(({ isDamaged }) => isDamaged) ?? false
  }

  /** Opens what arrived after the cursors. */
  const pump = createRetryLoop(clock, {
    ...retry,
    async attempt() {
      await work.run(catchUp)
      if (!isRecovered && chain !== undefined) {
        isRecovered = true
        flush.kick()
      }
      return false
    }
  })

  async function catchUp(): Promise<void> {
    if (chain === undefined) return
    // Senders use their keys up in the order of the segments: the oldest first costs the least.
    for (const view of chain.segments()) {
      const after = await cursorOf(view)
      // What was appended before a crash may be in a segment that was left since.
      const isUnread =
        view.entries === null ? !isRecovered && outbox.length > 0 : view.entries > after
      if (!isUnread) continue
      for await (const batch of batches(chain, view.number, after))
        await processBatch(batch, chain.isEarly(view.number))
    }
    if (isAnythingParked && isRetryDue) await retryParked()
    if (isAnyDamaged()) init.onProblem('storage-corrupt')
  }

  async function cursorOf({ segment: { address }, entries }: SegmentView): Promise<number> {
    const known = cursors.get(address)
    if (known !== undefined) return known
    const stored = await history.cursor(address)
    if (entries === null) return stored
    // A disk that lost the end of a log counts on from what is left: what comes then would seem to be read.
    const cursor = stored > entries ? 0 : stored
    cursors.set(address, cursor)
    return cursor
  }

  /** @param entries - new ones of one segment, in the order of their arrival. */
  async function processBatch(entries: readonly SealedEntry[], isEarly: boolean): Promise<void> {
    const last = entries.at(-1)
    if (last === undefined) return
    const matcher = createAppendMatcher(outbox)
    const matched: OutboxItem[] = []
    const facts: Fact[] = []
    const foreign: SealedEntry[] = []
    let newestOwn: EntryHash | undefined
    for (const entry of entries) {
      if (chain?.isOwn(entry) !== true) {
        foreign.push(entry)
        continue
      }
      newestOwn = entry.hash
      const item = matcher.match(entry)
      if (item === undefined) continue
      matched.push(item)
      if (item.kind !== 'text') continue
      const order = { time: entry.time, hash: entry.hash }
      facts.push({ kind: 'message-appended', id: item.id, author: own, order, atMs: clock.now() })
      watchHolders(item.id, order)
    }
    const opened = await openAll(foreign, () => isEarly)
    const parked = opened.waiting.map((waiting) => ({ ...waiting, parkedAtMs: clock.now() }))
    await commitOpened(opened, {
      facts: [...facts, ...opened.facts],
      outbox: { remove: matched },
      parked: { put: parked },
      cursor: last
    })
    isAnythingParked ||= parked.length > 0
    const done = new Set(matched)
    outbox = outbox.filter((item) => !done.has(item))
    if (newestOwn !== undefined) holder?.want(last.log, newestOwn)
    if (isAnythingParked && opened.isRatcheted) await retryParked()
  }

  /** Messages that came far ahead of others of their sender open when those have come. */
  async function retryParked(): Promise<void> {
    isRetryDue = false
    for (;;) {
      const parked = await history.parked(id, MAX_RETRIED)
      isAnythingParked = parked.length > 0
      if (!isAnythingParked) break
      const opened = await openAll(
        parked.map(({ entry }) => entry),
        ({ time }) => chain?.isEarly(segmentOfOrderTime(time)) ?? true
      )
      const stillWaiting = new Set(opened.waiting.map(({ entry }) => entry))
      const settled = parked.filter(({ entry }) => !stillWaiting.has(entry))
      if (settled.length > 0)
        await commitOpened(opened, { facts: opened.facts, parked: { remove: settled } })
      if (!opened.isRatcheted) return
    }
    if (!isRereadDue) return
    isRereadDue = false
    for (const { segment } of chain?.segments() ?? []) cursors.set(segment.address, 0)
    pump.kick()
  }

  /** What had to make room is still in the logs: they are read again from the start, now or after a restart. */
  async function planReread(): Promise<void> {
    const views = chain?.segments() ?? []
    const from = views.map(({ segment }) => ({ log: segment.address, arrival: 0 }))
    await history.commit({ cursors: from })
    isRereadDue = true
  }

  interface Opened {
    readonly facts: readonly Fact[]
    readonly due: readonly DueReceipt[]
    readonly waiting: readonly Pick<ParkedEntry, 'entry' | 'reason'>[]
    readonly unread: readonly RecordWrite[]
    readonly contactName: string
    readonly isRatcheted: boolean
  }

  async function openAll(
    entries: readonly SealedEntry[],
    isEarly: (entry: SealedEntry) => boolean
  ): Promise<Opened> {
    const facts: Fact[] = []
    const due: DueReceipt[] = []
    const waiting: Pick<ParkedEntry, 'entry' | 'reason'>[] = []
    const unread: RecordWrite[] = []
    let { contactName } = record
    let isRatcheted = false
    for (const entry of entries) {
      const result = await session.open(entry.sealed, { isEarly: isEarly(entry) })
      isRatcheted ||= result.kind === 'opened'
      const received = receiveEntry(entry, result, { ownUserId: own.userId, nowMs: clock.now() })
      if (received.kind === 'waiting') waiting.push({ entry, reason: received.reason })
      if (received.kind !== 'accepted') continue
      facts.push(...received.facts)
      due.push(...received.due)
      if (received.unknown !== null) {
        const content = { conversation: id, ...received.author, bytes: received.unknown.bytes }
        unread.push(putRecord(unreadContentKind, entry.hash, content))
      }
      if (received.profile !== null && received.author.userId === record.contactUserId) {
        contactName = received.profile.name
      }
    }
    return { facts, due, waiting, unread, contactName, isRatcheted }
  }

  /** One transaction: what was opened, the ratchet that opened it, and how far that was. */
  async function commitOpened(
    opened: Opened,
    change: Pick<ConversationChange, 'facts' | 'outbox' | 'parked'> & {
      readonly cursor?: SealedEntry
    }
  ): Promise<void> {
    const { cursor, ...rest } = change
    const isRenamed = opened.contactName !== record.contactName
    const renamed: ConversationRecord = { ...record, contactName: opened.contactName }
    const { unparked } = await commit(
      {
        ...rest,
        due: { put: opened.due },
        ...(opened.isRatcheted ? { session: session.freeze() } : {})
      },
      {
        cursors:
          cursor === undefined || isRereadDue ? [] : [{ log: cursor.log, arrival: cursor.arrival }],
        records: [
          ...opened.unread,
          ...(isRenamed ? [putRecord(conversationKind, id, renamed)] : [])
        ]
      }
    )
    if (cursor !== undefined) cursors.set(cursor.log, cursor.arrival)
    if (unparked > 0) await planReread()
    if (opened.due.length > 0) void acknowledge()
    if (isRenamed) {
      record = renamed
      init.onChange()
    }
  }

  function watchHolders(messageId: string, { time, hash }: Order): void {
    recent.set(messageId, { segment: segmentOfOrderTime(time), hash, holders: new Set() })
    const oldest = recent.keys().next()
    if (recent.size > MAX_RECENT && oldest.done !== true) recent.delete(oldest.value)
  }

  /** Sends the receipts that are due, and comes back when the next ones are. */
  async function acknowledge(): Promise<void> {
    try {
      await work.run(async () => {
        if (stopped.signal.aborted) return
        cancelReceipts?.()
        cancelReceipts = undefined
        const due = await history.dueReceipts(id, 2 * MAX_RECEIPT_IDS)
        const plan = planReceipts(due, init.policy(), clock.now())
        if (plan.receipt !== null) {
          sequence = nextSequence(sequence, clock.now())
          await enqueue(
            plan.receipt,
            { id: freshId(), kind: 'receipt' },
            { due: { remove: plan.settled } }
          )
        } else if (plan.settled.length > 0) {
          await commit({ due: { remove: plan.settled } })
        }
        if (plan.nextAtMs !== null) acknowledgeIn(Math.max(0, plan.nextAtMs - clock.now()))
      })
    } catch {
      acknowledgeIn(MAX_RETRY_MS) // no room now: receipts are on disk as due, and wait
    }
  }

  function acknowledgeIn(delayMs: number): void {
    cancelReceipts?.()
    if (!stopped.signal.aborted) cancelReceipts = clock.after(delayMs, () => void acknowledge())
  }

  /** A check that the compiler does not carry over an `await`. */
  function isStopped(): boolean {
    return stopped.signal.aborted
  }

  function freshId(): string {
    return messageIdFromBytes(components.randomBytes(MESSAGE_ID_BYTES))
  }

  async function onReceipt(segment: number, receipt: PinReceipt): Promise<void> {
    if (chain === undefined) return
    const ids: string[] = []
    let isCovered = false
    // Newest first: own entries build on each other, so what the node has of one it has of all before in the segment.
    for (const [messageId, { segment: at, hash, holders }] of [...recent].reverse()) {
      if (at !== segment || holders.has(receipt.node)) continue
      isCovered ||= await chain.isCovered(segment, hash, receipt.heads)
      if (!isCovered) continue
      ids.push(messageId)
      holders.add(receipt.node)
    }
    if (ids.length === 0) return
    const { node: peerId, heldUntilMs } = receipt
    const receivedAtMs = clock.now()
    await work.run(() =>
      commit({ facts: [{ kind: 'node-receipt', peerId, ids, receivedAtMs, heldUntilMs }] })
    )
  }

  return {
    id,
    record: () => record,
    peers: () => presence?.peers ?? new Set(),

    async attach(replica, newHolder) {
      const opened = await openChain(
        { history, replica, clock, segment: (number) => session.segment(number) },
        { conversation: id, policy: init.segments }
      )
      if (stopped.signal.aborted) {
        await opened.close()
        return
      }
      await work.run(async () => {
        outbox = await history.outbox(id)
        sequence = Math.max(0, ...outbox.map((item) => item.sequence))
        for (const { id: messageId, order } of await history.undelivered(id, MAX_RECENT)) {
          if (order !== null) watchHolders(messageId, order)
        }
        chain = opened
        holder = newHolder
      })
      if (isStopped()) {
        await opened.close()
        return
      }
      keeper = createSegmentKeeper(
        { chain: opened, history, holder: newHolder, clock },
        { conversation: id, retentionMs: init.segments.retentionMs, onReceipt }
      )
      opened.addEventListener(
        'entries',
        () => {
          pump.kick()
        },
        { signal: stopped.signal }
      )
      opened.addEventListener(
        'change',
        () => {
          isRetryDue = true
          pump.kick()
        },
        { signal: stopped.signal }
      )
      pump.kick()
      void acknowledge()
      presence = createPresence(
        { replica, chain: opened, session: () => session, clock },
        {
          isDirectAllowed: () => init.policy().allowDirect,
          onPeer: init.onChange
        }
      )
    },

    async send(text) {
      const message = composeMessage({ clock, random: components.randomBytes }, { text })
      await work.run(async () => {
        if (stopped.signal.aborted) throw new DeadDropError('stopped', 'client has stopped')
        sequence = nextSequence(sequence, clock.now())
        await enqueue(
          message,
          { id: message.id, kind: 'text' },
          {
            facts: [
              {
                kind: 'message-composed',
                id: message.id,
                author: own,
                text: message.text,
                sentAtMs: message.sentAtMs,
                sequence
              }
            ]
          }
        )
      })
      return message.id
    },

    async rename(name) {
      await work.run(async () => {
        sequence = nextSequence(sequence, clock.now())
        await enqueue({ kind: 'profile', name }, { id: freshId(), kind: 'profile' }, {})
      })
    },

    async markSeen(ids) {
      const sinceMs = clock.now()
      const due = ids.map((messageId): DueReceipt => ({ id: messageId, state: 'read', sinceMs }))
      await work.run(() => commit({ seen: ids, due: { put: due } }))
      void acknowledge()
    },

    networkChanged() {
      presence?.networkChanged()
    },

    wake() {
      pump.kick()
      flush.kick()
      presence?.announce()
    },

    async stop() {
      stopped.abort()
      cancelReceipts?.()
      presence?.stop()
      await Promise.all([pump.stop(), flush.stop(), keeper?.stop()])
      await work.idle()
      await chain?.close()
    }
  }
}

interface Recent {
  readonly segment: number
  readonly hash: EntryHash
  readonly holders: Set<string>
}

/** Entries of one segment in portions. One that cannot be read on ends; the chain says so, and the others go on. */
async function* batches(
  chain: SegmentedLog,
  segment: number,
  after: number
): AsyncGenerator<readonly SealedEntry[]> {
  let batch: SealedEntry[] = []
  const entries = chain.read(segment, after)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await entries.next().catch(unlessCorrupt)
      if (next === undefined || next.done === true) break
      batch.push(next.value)
      if (batch.length < BATCH_ENTRIES) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
  } finally {
    await entries.return?.()
  }
}

function unlessCorrupt(error: unknown): undefined {
  if (!isDeadDropError(error) || error.code !== 'storage-corrupt') throw error
  return undefined
}

const STORAGE_PROBLEMS = ['storage-full', 'storage-denied', 'storage-corrupt'] as const

function isStorageProblem(code: string): code is (typeof STORAGE_PROBLEMS)[number] {
  return (STORAGE_PROBLEMS as readonly string[]).includes(code)
}
