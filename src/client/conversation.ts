import type {
  CommitOutcome,
  ConversationChange,
  History,
  HistoryChange,
  ParkedEntry
} from '#history/history.ts'
import { putRecord, type RecordWrite } from '#history/record-kind.ts'
import { composeMessage } from '#messaging/compose-message.ts'
import type { Fact } from '#messaging/conversation-reducer.ts'
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
import type { EntryHash } from '#protocol/brand.ts'
import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'
import { MAX_RECEIPT_IDS } from '#protocol/limits.ts'
import type { PinReceipt } from '#protocol/pin-messages.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import type { SealedEntry, SealedLog } from '#replica/sealed-log.ts'
import type { Holder } from './holder.ts'
import { createPresence, type Presence } from './presence.ts'
import { conversationKind, unreadContentKind, type ConversationRecord } from './records.ts'
import { createRetryLoop } from './retry-loop.ts'
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

/** One conversation on this device: its sealing session, its log, and what is on the way in both directions. */
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
  let log: SealedLog | undefined
  let holder: Holder | undefined
  let presence: Presence | undefined
  let sequence = 0
  /** Sealed and not known to be in the log; a mirror of what history keeps. */
  let outbox: readonly OutboxItem[] = []
  /** Given to the log by this process; the entry comes back through the log's events. */
  const appended = new WeakSet<OutboxItem>()
  /** Whether the log was compared with the outbox since the start: before that, nothing may be appended again. */
  let isRecovered = false
  /** The newest own texts in the log, and who signed for them in this run. */
  const recent = new Map<string, { readonly hash: EntryHash; readonly holders: Set<string> }>()
  let isAnythingParked = true
  let cancelReceipts: (() => void) | undefined

  async function commit(
    change: Omit<ConversationChange, 'id' | 'ownUserId'>,
    rest: Omit<HistoryChange, 'conversations'> = {},
    options: { readonly isDurable?: boolean } = {}
  ): Promise<void> {
    try {
      const outcome = await history.commit(
        { ...rest, conversations: [{ ...change, id, ownUserId: own.userId }] },
        options
      )
      init.onProblem(null)
      init.onCommit(outcome)
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
      log: session.address,
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
      if (log === undefined || !isRecovered) return false
      for (const item of inAppendOrder(outbox)) {
        if (appended.has(item)) continue
        try {
          await log.append(item.sealed)
        } catch (error) {
          if (isDeadDropError(error) && isStorageProblem(error.code)) init.onProblem(error.code)
          throw error
        }
        appended.add(item)
      }
      return false
    }
  })

  /** Opens what arrived after the cursor. */
  const pump = createRetryLoop(clock, {
    ...retry,
    async attempt() {
      await work.run(catchUp)
      if (!isRecovered && log !== undefined) {
        isRecovered = true
        flush.kick()
      }
      return false
    }
  })

  async function catchUp(): Promise<void> {
    if (log === undefined) return
    let batch: SealedEntry[] = []
    for await (const entry of log.entries(await history.cursor(log.address))) {
      batch.push(entry)
      if (batch.length < BATCH_ENTRIES) continue
      await processBatch(batch)
      batch = []
    }
    if (batch.length > 0) await processBatch(batch)
  }

  /** @param entries - new ones, in the order of their arrival. */
  async function processBatch(entries: readonly SealedEntry[]): Promise<void> {
    const last = entries.at(-1)
    if (last === undefined) return
    const matcher = createAppendMatcher(outbox)
    const matched: OutboxItem[] = []
    const facts: Fact[] = []
    const foreign: SealedEntry[] = []
    let newestOwn: EntryHash | undefined
    for (const entry of entries) {
      if (entry.writer !== session.writer.publicKey) {
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
      watchHolders(item.id, entry.hash)
    }
    const opened = await openAll(foreign)
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
    const parked = await history.parked(id, MAX_RETRIED)
    isAnythingParked = parked.length > 0
    const opened = await openAll(parked.map(({ entry }) => entry))
    const stillWaiting = new Set(opened.waiting.map(({ entry }) => entry))
    const settled = parked.filter(({ entry }) => !stillWaiting.has(entry))
    if (settled.length > 0)
      await commitOpened(opened, { facts: opened.facts, parked: { remove: settled } })
  }

  interface Opened {
    readonly facts: readonly Fact[]
    readonly due: readonly DueReceipt[]
    readonly waiting: readonly Pick<ParkedEntry, 'entry' | 'reason'>[]
    readonly unread: readonly RecordWrite[]
    readonly contactName: string
    readonly isRatcheted: boolean
  }

  async function openAll(entries: readonly SealedEntry[]): Promise<Opened> {
    const facts: Fact[] = []
    const due: DueReceipt[] = []
    const waiting: Pick<ParkedEntry, 'entry' | 'reason'>[] = []
    const unread: RecordWrite[] = []
    let { contactName } = record
    let isRatcheted = false
    for (const entry of entries) {
      const result = await session.open(entry.sealed)
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
    await commit(
      {
        ...rest,
        due: { put: opened.due },
        ...(opened.isRatcheted ? { session: session.freeze() } : {})
      },
      {
        cursors: cursor === undefined ? [] : [{ log: cursor.log, arrival: cursor.arrival }],
        records: [
          ...opened.unread,
          ...(isRenamed ? [putRecord(conversationKind, id, renamed)] : [])
        ]
      }
    )
    if (opened.due.length > 0) void acknowledge()
    if (isRenamed) {
      record = renamed
      init.onChange()
    }
  }

  function watchHolders(messageId: string, hash: EntryHash): void {
    recent.set(messageId, { hash, holders: new Set() })
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

  function freshId(): string {
    return messageIdFromBytes(components.randomBytes(MESSAGE_ID_BYTES))
  }

  async function onReceipt(receipt: PinReceipt): Promise<void> {
    if (log === undefined) return
    const ids: string[] = []
    let isCovered = false
    // Newest first: own entries build on each other, so what the node has of one it has of all before.
    for (const [messageId, { hash, holders }] of [...recent].reverse()) {
      if (holders.has(receipt.node)) continue
      isCovered ||= await log.isCovered(hash, receipt.heads)
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
      const opened = await replica.open(session.log, { writer: session.writer })
      if (stopped.signal.aborted) return
      await work.run(async () => {
        outbox = await history.outbox(id)
        sequence = Math.max(0, ...outbox.map((item) => item.sequence))
        for (const { id: messageId, order } of await history.undelivered(id, MAX_RECENT)) {
          if (order !== null) watchHolders(messageId, order.hash)
        }
        log = opened
        holder = newHolder
      })
      newHolder.register({
        log: opened,
        kind: 'conversation',
        writer: session.writer,
        onReceipt
      })
      opened.addEventListener(
        'entries',
        () => {
          pump.kick()
        },
        { signal: stopped.signal }
      )
      pump.kick()
      void acknowledge()
      const [newest] = await opened.heads()
      if (newest !== undefined) newHolder.want(opened.address, newest)
      presence = createPresence(
        { replica, log: opened, session: () => session, clock },
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
      await Promise.all([pump.stop(), flush.stop()])
      await work.idle()
    }
  }
}

const STORAGE_PROBLEMS = ['storage-full', 'storage-denied', 'storage-corrupt'] as const

function isStorageProblem(code: string): code is (typeof STORAGE_PROBLEMS)[number] {
  return (STORAGE_PROBLEMS as readonly string[]).includes(code)
}
