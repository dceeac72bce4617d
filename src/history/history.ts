import type { LogAddress } from '#protocol/brand.ts'
import type { Fact, MessageRecord } from '#messaging/conversation-reducer.ts'
import type { HoldTask, OutboxItem } from '#messaging/outbox.ts'
import type { DueReceipt } from '#messaging/receipt-batch.ts'
import type { SealedEntry } from '#replica/sealed-log.ts'
import type { RecordKind, RecordWrite } from './record-kind.ts'

/** An entry whose key has not come yet, kept so that the cursor may move past it. */
export interface ParkedEntry {
  readonly entry: SealedEntry
  readonly reason: string
  readonly parkedAtMs: number
}

/** What happened in one conversation. Every field is optional; what is missing stays as it is. */
export interface ConversationChange {
  /** Lower-case hex, 32 characters. */
  readonly id: string
  /** Whose messages are own ones: never unread, and listed until they are delivered. */
  readonly ownUserId: string
  /** The frozen sealing session; `null` forgets it. */
  readonly session?: Uint8Array | null
  readonly facts?: readonly Fact[]
  /** Ids of messages that were shown to the user; others' ones stop being unread. */
  readonly seen?: readonly string[]
  readonly outbox?: {
    readonly put?: readonly OutboxItem[]
    readonly remove?: readonly OutboxItem[]
  }
  readonly parked?: {
    readonly put?: readonly ParkedEntry[]
    readonly remove?: readonly ParkedEntry[]
  }
  readonly due?: { readonly put?: readonly DueReceipt[]; readonly remove?: readonly DueReceipt[] }
}

/**
 * Everything that one step changes: stored in one transaction, because an entry opens exactly once. Where a list removes
 * and puts the same thing, it is there afterwards.
 */
export interface HistoryChange {
  /** Each conversation at most once. */
  readonly conversations?: readonly ConversationChange[]
  /** Last processed arrival of logs. */
  readonly cursors?: readonly { readonly log: LogAddress; readonly arrival: number }[]
  readonly holdTasks?: { readonly put?: readonly HoldTask[]; readonly remove?: readonly HoldTask[] }
  readonly records?: readonly RecordWrite[]
}

/** One message that a commit made or changed. */
export interface MessageChange {
  readonly conversation: string
  /** `null`: it was not there before. */
  readonly before: MessageRecord | null
  readonly after: MessageRecord
}

export interface CommitOutcome {
  /** Messages whose record differs now, in the order of their conversation. */
  readonly messages: readonly MessageChange[]
  /** Parked entries that had to make room, oldest first: see `MAX_PARKED_ENTRIES`. */
  readonly unparked: number
  /** Stored messages that could not be read and were set aside to go on. */
  readonly corrupt: number
}

/** A window on a conversation. */
export interface MessagePage {
  /** Oldest first. */
  readonly records: readonly MessageRecord[]
  readonly hasOlder: boolean
  /** Messages of this window that are stored and cannot be read any more; the others are shown without them. */
  readonly corrupt: number
}

/**
 * The local store of one user on one device: everything encrypted, nothing readable in keys. Owns its part of the store;
 * commits happen one after another, in the order of the calls.
 */
export interface History {
  /**
   * Stores a change: all of it or nothing, also across a crash.
   *
   * @param options.isDurable - wait until it survives a power cut: before anything sealed leaves the device. @default false
   * @throws {DeadDropError} `storage-full` or `storage-denied` with nothing stored; `stopped` after {@link close}.
   */
  commit(change: HistoryChange, options?: { readonly isDurable?: boolean }): Promise<CommitOutcome>

  /** @throws {DeadDropError} `storage-corrupt`, naming the kind. */
  record<T>(kind: RecordKind<T>, id: string): Promise<T | undefined>
  /** All records of a kind by id; corrupt ones are left out and counted. */
  records<T>(
    kind: RecordKind<T>
  ): Promise<{ readonly items: ReadonlyMap<string, T>; readonly corrupt: number }>

  /** The frozen session of a conversation. @throws {DeadDropError} `storage-corrupt` */
  session(conversation: string): Promise<Uint8Array | undefined>
  /** Last processed arrival of a log, 0 when none. */
  cursor(log: LogAddress): Promise<number>

  /**
   * The newest `limit` messages, or the newest `limit` before message `before`; give the record, not its id alone, where
   * members may have taken each other's ids.
   *
   * @throws {DeadDropError} `message-unknown` when `before` is not in the conversation.
   */
  messages(
    conversation: string,
    window: {
      readonly limit: number
      readonly before?: string | Pick<MessageRecord, 'id' | 'author'>
    }
  ): Promise<MessagePage>
  /** The messages with this id: one, or several when members took each other's ids. */
  message(conversation: string, id: string): Promise<readonly MessageRecord[]>
  /**
   * Removes messages and everything that lists them: up to `limit` keys of the store in one transaction, so that a large
   * conversation goes in steps. For conversations of this device only: what comes out of a log would come again.
   *
   * @returns whether there is more to remove.
   * @throws {DeadDropError} as {@link commit}.
   */
  eraseMessages(conversation: string, limit: number): Promise<boolean>
  unreadCount(conversation: string): Promise<number>
  /** The first unread message in the order of the conversation. */
  firstUnread(conversation: string): Promise<MessageRecord | undefined>
  /** Own messages that no other user's device has acknowledged, oldest first. */
  undelivered(conversation: string, limit: number): Promise<readonly MessageRecord[]>

  /** What is sealed and not known to be in its log, in append order; of one conversation or of all. */
  outbox(conversation?: string): Promise<readonly OutboxItem[]>
  holdTasks(): Promise<readonly HoldTask[]>
  /** In the order of arrival. */
  parked(conversation: string, limit: number): Promise<readonly ParkedEntry[]>
  /** Oldest first. */
  dueReceipts(conversation: string, limit: number): Promise<readonly DueReceipt[]>

  /** Lets running commits end and refuses later ones; the store stays open, whoever made it closes it. May be called twice. */
  close(): Promise<void>
}
