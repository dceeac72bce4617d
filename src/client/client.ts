import type { ErrorCode } from '#protocol/errors.ts'
import type { ArchiveFormat, ArchiveReading, ParsedArchive } from '#messaging/archive/archive.ts'
import type { DeliveryTrail, DeliveryStatus } from '#messaging/delivery.ts'
import type { NetworkStatus } from '#replica/replica.ts'
import type { SafetyComparison } from '#sealing/safety-code.ts'
import type { SafetyNumber } from '#sealing/safety-number.ts'

/** This user, without secrets. */
export interface Profile {
  /** Root public key, lower-case hex, 64 characters. */
  readonly userId: string
  readonly deviceId: string
  readonly name: string
}

/** How the other side is reached right now; `offline`: messages wait here. `tor` is for the anonymous mode. */
export type ConnectionKind = 'direct' | 'relayed' | 'tor' | 'connecting' | 'offline'

/** The user made sure that a root key is that of the person they mean. */
export interface Verification {
  readonly verifiedAtMs: number
  /** `code`: this device compared both keys in full; `comparison`: the user compared digits or words, and says so. */
  readonly by: 'code' | 'comparison'
}

/** Another contact whose name reads the same: somebody else, the same person on a new device, or somebody who poses as them. */
export interface Namesake {
  readonly conversation: string
  readonly isVerified: boolean
}

/** What is shown to compare keys with a contact. */
export interface SafetyView extends SafetyNumber {
  /** Text of the QR code for the contact to scan, or to get over another channel. */
  readonly code: string
}

export interface ConversationSummary {
  /** Lower-case hex, 32 characters; the same on both sides. */
  readonly id: string
  /** The other person's name as they gave it. */
  readonly title: string
  readonly contact: { readonly userId: string; readonly name: string }
  /** `null`: not verified. Holds for the contact's root key: in every conversation with it, and for no other key. */
  readonly verification: Verification | null
  /** Contacts under other root keys whose names read the same. Empty while this one is verified. */
  readonly namesakes: readonly Namesake[]
  readonly connection: ConnectionKind
  readonly unread: number
  /** Set when it was imported: it lies on this device only and nobody can write in it. */
  readonly archive: ArchiveView | null
  /** Newest message, for the list. */
  readonly last: {
    readonly text: string
    readonly isOwn: boolean
    readonly sentAtMs: number
    readonly status: DeliveryStatus | null
  } | null
  /** Order in the list: newest activity first. Unix ms. */
  readonly activityAtMs: number
}

/** Where an imported conversation comes from. Names, texts and times are what its file says; nothing is authenticated. */
export interface ArchiveView {
  readonly format: ArchiveFormat
  readonly importedAtMs: number
  /** Who made the file, as the file says. */
  readonly claimedBy: string | null
  /** When the file was made, as the file says, Unix ms. */
  readonly exportedAtMs: number | null
  readonly messages: number
  /** Names of everybody who wrote, in the order of their first message. */
  readonly participants: readonly string[]
}

export interface ImportOptions {
  /** Name of the participant who is this user, where the file does not say it. */
  readonly self?: string
  readonly onProgress?: (done: number, total: number) => void
  /** Stops the import; what was stored of it is removed. */
  readonly signal?: AbortSignal
}

export interface MessageView {
  /** Lower-case hex, 32 characters, chosen by the author's device. */
  readonly id: string
  readonly author: { readonly userId: string; readonly name: string }
  readonly isOwn: boolean
  readonly text: string
  /** The author's clock, Unix ms. */
  readonly sentAtMs: number
  /** The author's clock is more than an hour ahead of ours. */
  readonly isClockAhead: boolean
  /** Own messages only. */
  readonly status: DeliveryStatus | null
  readonly trail: DeliveryTrail | null
}

/** A window on one conversation, for a screen that shows it. Snapshots are immutable; an unchanged message keeps its identity. */
export interface ConversationView {
  readonly id: string
  /** Oldest first, in the order that every member sees. */
  messages(): readonly MessageView[]
  hasOlder(): boolean
  /** Message id of the first unread one when the view was opened, or `null`. */
  readonly firstUnread: string | null
  loadOlder(): Promise<void>
  /** Marks everything shown as read; sends read receipts where the user allows them. */
  markRead(): Promise<void>
  addEventListener(type: 'change', listener: () => void, options?: { signal?: AbortSignal }): void
  close(): void
}

/** Where accepting an invite stands. It goes on by itself, for ever, also after a reload, until it is done or fails for good. */
export type AcceptanceStep = 'reaching-node' | 'fetching-invite' | 'securing' | 'done' | 'failed'

export interface Acceptance {
  readonly id: string
  readonly step: AcceptanceStep
  /** Name of the inviter, known from `securing` on. */
  readonly inviterName: string | null
  readonly conversation: string | null
  /** Set when `step` is `failed`, and while a retry is pending (`invite-unreachable`). */
  readonly error: ErrorCode | null
  readonly startedAtMs: number
}

export interface InviteView {
  readonly link: string
  readonly expiresAtMs: number
  /** Nodes that already hold the invite: it works while this device is offline once there is one. */
  readonly heldBy: number
}

export interface NodeView {
  readonly multiaddr: string
  readonly state: 'connected' | 'connecting' | 'unreachable'
  readonly error: string | null
  readonly retryAtMs: number | null
  /** From `config.json`, added by the user, or named by an invite that led to a contact. */
  readonly source: 'config' | 'user' | 'contact'
}

export interface StorageView {
  /** Whether the platform promised not to evict. */
  readonly isPersistent: boolean | null
  readonly usedBytes: number | null
  readonly quotaBytes: number | null
}

export interface Settings {
  readonly theme: 'system' | 'light' | 'dark'
  readonly language: 'auto' | 'en' | 'fr'
  readonly sendReadReceipts: boolean
  /** WebRTC shows this device's address to contacts; off = through nodes only. */
  readonly allowDirect: boolean
  /** When a device with a passphrase locks by itself: so long after the last use, or after its page was last seen. */
  readonly autoLock: 'never' | 'five-minutes' | 'thirty-minutes' | 'hidden'
}

/** Everything that is shown outside an open conversation. A new object per change; unchanged parts keep their identity. */
export interface ClientSnapshot {
  /** `null` until an identity was created. */
  readonly profile: Profile | null
  readonly conversations: readonly ConversationSummary[]
  readonly acceptances: readonly Acceptance[]
  readonly invite: InviteView | null
  /** Best connection over all conversations; to nodes where there is no conversation. */
  readonly connection: ConnectionKind
  readonly network: NetworkStatus | null
  readonly nodes: readonly NodeView[]
  readonly settings: Settings
  readonly storage: StorageView
  /** Conditions the user should know about, by code: `storage-full`, `storage-denied`, … */
  readonly problems: readonly ErrorCode[]
}

export interface ClientEvents {
  change: CustomEvent<ClientSnapshot>
  /** A message from somebody else was opened. */
  message: CustomEvent<{ readonly conversation: string; readonly message: MessageView }>
  /** One own message took a step. `by`: `self`, a node's peer id, or the contact's user id. */
  delivery: CustomEvent<{
    readonly conversation: string
    readonly id: string
    readonly status: DeliveryStatus
    readonly by: string
  }>
  conversation: CustomEvent<ConversationSummary>
  connection: CustomEvent<{ readonly status: ConnectionKind; readonly conversation: string | null }>
}

/**
 * DeadDrop as a user interface or a bot sees it. All methods reject with `DeadDropError` only; what they promise is on
 * disk when they resolve.
 */
export interface DeadDropClient {
  snapshot(): ClientSnapshot
  addEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: ClientEvents[K]) => void,
    options?: { signal?: AbortSignal }
  ): void
  /** @throws `identity-exists`, `name-empty`, `name-too-long`, `storage-denied`, `storage-full` */
  createIdentity(name: string): Promise<Profile>
  /** @throws `identity-missing`, `name-empty`, `name-too-long` */
  setName(name: string): Promise<void>
  /** The current invite, or a new one: the link works until it expires, for several people, each a conversation of its own. */
  createInvite(options?: { readonly isFresh?: boolean }): Promise<InviteView>
  /**
   * Checks the link and begins (or goes on with) accepting it; follow {@link ClientSnapshot.acceptances}. Accepting a link
   * again gives the same acceptance.
   *
   * @throws `invite-malformed`, `invite-unsupported-version`, `invite-expired`, `invite-own`, `identity-missing`
   */
  acceptInvite(link: string): Promise<Acceptance>
  /** Gives up an acceptance that is not done. */
  cancelAcceptance(id: string): Promise<void>
  /** What a link says before anything is accepted; nothing leaves the device. Throws as {@link acceptInvite}. */
  inspectInvite(link: string): { readonly expiresAtMs: number; readonly inviterId: string }
  /**
   * @throws `text-empty`, `text-too-long`, `conversation-unknown`, `conversation-read-only`, `storage-full`; the text was
   *   not sent then.
   */
  sendMessage(conversation: string, text: string): Promise<MessageView>
  /** Oldest first: the newest `limit` messages before message `before`. */
  listMessages(
    conversation: string,
    options?: { readonly limit?: number; readonly before?: string }
  ): Promise<readonly MessageView[]>
  /** @throws `conversation-unknown` */
  openConversation(id: string): Promise<ConversationView>
  /** What both people see the same of, unless somebody stands between them. @throws `conversation-unknown` */
  safetyNumber(conversation: string): Promise<SafetyView>
  /**
   * Compares what the contact's device shows with the keys of this conversation, and marks the contact as verified when
   * they match. Nothing changes otherwise: the wrong code may have been scanned.
   *
   * @throws `conversation-unknown`, `safety-code-malformed`, `safety-code-unsupported-version`, `storage-full`
   */
  compareSafetyCode(conversation: string, code: string): Promise<SafetyComparison>
  /** The user compared numbers or words, or takes it back. @throws `conversation-unknown`, `storage-full` */
  setVerified(conversation: string, isVerified: boolean): Promise<void>
  draft(conversation: string): Promise<string>
  setDraft(conversation: string, text: string): Promise<void>
  /** @throws `node-address-malformed` */
  addNode(multiaddr: string): Promise<void>
  removeNode(multiaddr: string): Promise<void>
  updateSettings(patch: Partial<Settings>): Promise<void>
  /**
   * Everything of this user on this device but the keys, as one JSON document in pieces (docs/export-format.md). Whoever
   * stops asking for pieces stops it.
   *
   * @param onProgress - messages written so far.
   * @throws `identity-missing`
   */
  exportData(onProgress?: (messages: number) => void): AsyncIterable<string>
  /**
   * Says what is in an export of this or another messenger. Stores nothing and gives other tasks their turn.
   *
   * @param options.fileName - may name the conversation where the text does not.
   * @throws `stopped` when `signal` says so.
   */
  readArchive(
    text: string,
    options?: {
      readonly fileName?: string
      readonly onProgress?: (done: number, total: number) => void
      readonly signal?: AbortSignal
    }
  ): Promise<ArchiveReading>
  /**
   * Keeps what was read as conversations of this device: all of it, or nothing when it fails or the process dies.
   *
   * @returns ids of the new conversations, in the order of the file.
   * @throws `identity-missing`, `storage-full`, `stopped`
   */
  importArchive(archive: ParsedArchive, options?: ImportOptions): Promise<readonly string[]>
  /** Removes an imported conversation for good. @throws `conversation-unknown` when none that was imported has this id. */
  deleteArchive(conversation: string): Promise<void>
  /** "Retry now" and wake-up: redials, resynchronises, resends. */
  wake(): void
  stop(): Promise<void>
}
