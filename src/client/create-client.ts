import { TypedEventEmitter } from 'main-event'
import type { CommitOutcome, History } from '#history/history.ts'
import { deleteRecord, putRecord } from '#history/record-kind.ts'
import type { MessageRecord } from '#messaging/conversation-reducer.ts'
import type { Author } from '#messaging/ports.ts'
import type { PinClient } from '#pinning/pin-client.ts'
import type { ArchiveComponents } from '#messaging/archive/archive.ts'
import { readArchive } from '#messaging/archive/read-archive.ts'
import { readDisplayName } from '#protocol/display-name.ts'
import { DeadDropError, type ErrorCode } from '#protocol/errors.ts'
import type { Clock } from '#replica/network/clock.ts'
import { nextTask } from '#replica/next-task.ts'
import type { NetworkStatus, Replica } from '#replica/replica.ts'
import {
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  redactIdentity,
  type IdentityWithSecrets
} from '#sealing/identity.ts'
import { readInvite } from '#sealing/invite-link.ts'
import { compareSafetyCode, encodeSafetyCode, readSafetyCode } from '#sealing/safety-code.ts'
import { safetyHalf, safetyNumber, type SafetyHalf } from '#sealing/safety-number.ts'
import { thawSession } from '#sealing/session.ts'
import { createAcceptances, type Acceptances } from './acceptances.ts'
import type { Adopted } from './adopted.ts'
import { createArchives, participantsOf } from './archives.ts'
import type {
  ClientEvents,
  ClientSnapshot,
  ConnectionKind,
  ConversationSummary,
  DeadDropClient,
  MessageView,
  Profile,
  Settings,
  StorageView
} from './client.ts'
import { bestConnection, connectionOf } from './connection-kind.ts'
import { byActivity, conversationSummary } from './conversation-summary.ts'
import { createConversationView, type LiveView } from './conversation-view.ts'
import { createConversation, type Conversation } from './conversation.ts'
import { deliveryStep } from './delivery-step.ts'
import { exportData, type ExportedConversation } from './export-data.ts'
import { createHolder, type Holder } from './holder.ts'
import { createInvites, type Invites } from './invites.ts'
import { messageView } from './message-views.ts'
import { groupByName, namesakesIn, nameKey, type NamedContact } from './namesakes.ts'
import { createNodeSet } from './node-set.ts'
import { nodeViews } from './node-views.ts'
import {
  conversationKind,
  draftKind,
  identityKind,
  nameKind,
  nodeChoiceKind,
  SELF,
  settingsKind,
  type ConversationRecord
} from './records.ts'
import { runSlices } from './run-slices.ts'
import type { SegmentPolicy } from './segment-keeper.ts'
import { createVerifications } from './verifications.ts'

export interface ClientComponents {
  readonly history: History
  /** Started in the background: the app is usable before the network is. */
  readonly replica: Promise<Replica>
  readonly pinClient: (replica: Replica) => PinClient
  readonly clock: Clock
  readonly randomBytes: (length: number) => Uint8Array
  /** 0..1, for jitter; needs no cryptographic quality. */
  readonly random: () => number
  readonly storage: {
    look(): Promise<StorageView>
    /** Asks the platform not to evict. */
    requestPersistence(): Promise<void>
  }
  /** Releases what the composition root opened, after everything else has stopped. */
  readonly dispose: () => Promise<void>
}

export interface ClientInit {
  /** Nodes of `config.json` or of the command line. */
  readonly nodes: readonly string[]
  /** Web app that invite links point to. */
  readonly appUrl: string
  /** What differs from the bounds in `src/protocol/limits.ts`. @default nothing */
  readonly segments?: Partial<SegmentPolicy>
}

export const DEFAULT_SETTINGS: Settings = {
  theme: 'system',
  language: 'auto',
  sendReadReceipts: true,
  allowDirect: true,
  autoLock: 'thirty-minutes'
}

const DEFAULT_LIST_LIMIT = 50

/** The zone of this device: exports are mostly read where they were made. */
const archiveComponents: ArchiveComponents = {
  localTimeMs: (year, month, day, hour, minute, second) =>
    new Date(year, month - 1, day, hour, minute, second).getTime()
}

/** What needs an identity. */
interface Account {
  readonly identity: IdentityWithSecrets
  readonly own: Author
  readonly invites: Invites
  readonly acceptances: Acceptances
  name: string
}

interface Listed {
  readonly conversation: Conversation
  last: MessageRecord | null
  unread: number
}

/**
 * The whole client over its parts: the one file that knows every implementation. Everything stored is shown at once;
 * the network joins when it is there.
 */
export async function createClient(
  components: ClientComponents,
  init: ClientInit
): Promise<DeadDropClient> {
  const { history, clock } = components
  const events = new TypedEventEmitter<ClientEvents>()
  const stopped = new AbortController()
  const sealing = { random: components.randomBytes, clock }
  const conversations = new Map<string, Listed>()
  const views = new Set<LiveView>()
  const problems = new Map<string, ErrorCode>()
  const connections = new Map<string | null, ConnectionKind>()
  let account: Account | undefined
  let network: { readonly replica: Replica; readonly holder: Holder } | undefined
  let status: NetworkStatus | null = null
  let connectedNodes = ''
  let storage: StorageView = { isPersistent: null, usedBytes: null, quotaBytes: null }
  let settings = (await history.record(settingsKind, SELF)) ?? DEFAULT_SETTINGS
  const nodeSet = createNodeSet(
    init.nodes,
    (await history.record(nodeChoiceKind, SELF)) ?? { added: [], removed: [] }
  )
  const verifications = await createVerifications({ history, clock })
  /** The own part of every safety number; made when first asked for. */
  let ownHalf: SafetyHalf | undefined
  let current: ClientSnapshot | undefined
  let isChangeScheduled = false
  const archives = await createArchives(components, {
    onChange: changed,
    onDamaged: () => problems.set('archives', 'storage-corrupt')
  })

  const identityBytes = await history.record(identityKind, SELF)
  if (identityBytes !== undefined) {
    const name = (await history.record(nameKind, SELF)) ?? ''
    account = await openAccount(decodeIdentity(identityBytes), name)
    for (const [id, record] of (await history.records(conversationKind)).items) {
      try {
        const bytes = await history.session(id)
        if (bytes === undefined)
          throw new DeadDropError('storage-corrupt', 'a conversation has no session')
        await list({ id, record, session: await thawSession(sealing, bytes) })
      } catch (error) {
        // One that cannot be read must not keep the others from the user.
        problems.set(id, error instanceof DeadDropError ? error.code : 'internal')
      }
    }
  }
  void joinNetwork()
  void lookAtStorage()

  function changed(): void {
    current = undefined
    if (isChangeScheduled) return
    isChangeScheduled = true
    queueMicrotask(() => {
      isChangeScheduled = false
      if (stopped.signal.aborted) return
      tellConnections()
      events.safeDispatchEvent('change', { detail: snapshot() })
    })
  }

  async function openAccount(identity: IdentityWithSecrets, name: string): Promise<Account> {
    const own = redactIdentity(identity)
    const shared = {
      identity,
      own,
      name: () => opened.name,
      onAdopted: adopt,
      onChange: changed,
      onDamaged: () => {
        problems.set('invites', 'storage-corrupt')
      }
    }
    const invites = await createInvites(components, {
      ...shared,
      appUrl: init.appUrl,
      nodes: () => nodeSet.bestForInvite(status),
      hasConversation: (id) => conversations.has(id)
    })
    const acceptances = await createAcceptances(components, {
      ...shared,
      onChange: () => {
        applyNodes()
        changed()
      },
      conversationWith: (userId) =>
        [...conversations.values()].find(
          ({ conversation }) => conversation.record().contactUserId === userId
        )?.conversation.id
    })
    const opened: Account = { identity, own, invites, acceptances, name }
    return opened
  }

  async function joinNetwork(): Promise<void> {
    try {
      const replica = await components.replica
      if (stopped.signal.aborted) return
      const holder = createHolder(
        { history, pinClient: components.pinClient(replica), clock, random: components.random },
        { tasks: await history.holdTasks() }
      )
      network = { replica, holder }
      replica.addEventListener(
        'network',
        ({ detail }) => {
          networkChanged(detail)
        },
        { signal: stopped.signal }
      )
      applyNodes()
      networkChanged(replica.network())
      account?.invites.attach(replica, holder)
      account?.acceptances.attach(replica, holder)
      for (const { conversation } of conversations.values()) attach(conversation)
    } catch (error) {
      problems.set('network', error instanceof DeadDropError ? error.code : 'internal')
      changed()
    }
  }

  function attach(conversation: Conversation): void {
    if (network === undefined) return
    conversation.attach(network.replica, network.holder).catch((error: unknown) => {
      problems.set(conversation.id, error instanceof DeadDropError ? error.code : 'internal')
      changed()
    })
  }

  function networkChanged(now: NetworkStatus): void {
    status = now
    const connected = now.nodes
      .filter((node) => node.state === 'connected')
      .map((node) => node.peerId)
      .join()
    network?.holder.networkChanged(now)
    for (const { conversation } of conversations.values()) conversation.networkChanged()
    if (connected !== connectedNodes) {
      connectedNodes = connected
      account?.acceptances.networkChanged()
    }
    changed()
  }

  /** Own nodes, the nodes of contacts, and those of links being accepted. */
  function effectiveNodes(): string[] {
    const ofContacts = [...conversations.values()].flatMap(
      ({ conversation }) => conversation.record().nodes
    )
    return nodeSet.union([...ofContacts, ...(account?.acceptances.nodes() ?? [])])
  }

  function applyNodes(): void {
    network?.replica.setNodes(effectiveNodes())
  }

  async function list({ id, record, session }: Adopted): Promise<Listed> {
    if (account === undefined) throw new DeadDropError('identity-missing', 'no identity yet')
    const conversation = createConversation(
      { ...components, thaw: (bytes) => thawSession(sealing, bytes) },
      {
        id,
        own: account.own,
        record,
        session,
        segments: init.segments ?? {},
        policy: () => settings,
        onCommit: (outcome) => {
          onStored(id, outcome)
        },
        onChange: () => {
          for (const view of views) if (view.id === id) view.refresh()
          tellConversation(id)
          changed()
        },
        onProblem: (problem) => {
          if (problem === null ? problems.delete(id) : problems.get(id) !== problem) {
            if (problem !== null) problems.set(id, problem)
            changed()
          }
        }
      }
    )
    const item: Listed = { conversation, last: null, unread: 0 }
    conversations.set(id, item)
    await refreshSummary(item)
    return item
  }

  function adopt(adopted: Adopted): void {
    list(adopted)
      .then(({ conversation }) => {
        applyNodes()
        attach(conversation)
        tellConversation(conversation.id)
        changed()
        void components.storage.requestPersistence().then(lookAtStorage)
      })
      .catch(() => {
        // It is on disk and is listed at the next start; until then the reason stands in the problems.
        problems.set(adopted.id, 'storage-corrupt')
        changed()
      })
  }

  function onStored(id: string, { messages, corrupt }: CommitOutcome): void {
    const item = conversations.get(id)
    if (item === undefined || account === undefined) return
    if (corrupt > 0) problems.set(`${id}/messages`, 'storage-corrupt')
    if (messages.length === 0) return
    for (const view of views) if (view.id === id) view.apply(messages)
    for (const { before, after } of messages) {
      const isOwn = after.author.userId === account.own.userId
      if (!isOwn && before === null) {
        events.safeDispatchEvent('message', {
          detail: { conversation: id, message: viewOf(item.conversation, after) }
        })
      }
      const step = isOwn ? deliveryStep(before, after) : undefined
      if (step !== undefined) {
        events.safeDispatchEvent('delivery', {
          detail: { conversation: id, id: after.id, ...step }
        })
      }
    }
    refreshSummary(item).then(
      () => {
        tellConversation(id)
        changed()
      },
      () => undefined // the client is stopping: the next start reads it again
    )
  }

  function tellConversation(id: string): void {
    const item = conversations.get(id)
    if (item === undefined) return
    events.safeDispatchEvent('conversation', { detail: summaryOf(item, groupByName(contacts())) })
  }

  function tellConnections(): void {
    const { connection, conversations: summaries } = snapshot()
    const now = new Map<string | null, ConnectionKind>([
      [null, connection],
      ...summaries
        .filter(({ archive }) => archive === null)
        .map((summary): [string, ConnectionKind] => [summary.id, summary.connection])
    ])
    for (const [conversation, kind] of now) {
      if (connections.get(conversation) === kind) continue
      connections.set(conversation, kind)
      events.safeDispatchEvent('connection', { detail: { status: kind, conversation } })
    }
  }

  async function refreshSummary(item: Listed): Promise<void> {
    const { id } = item.conversation
    const page = await history.messages(id, { limit: 1 })
    item.last = page.records.at(-1) ?? null
    item.unread = await history.unreadCount(id)
  }

  async function lookAtStorage(): Promise<void> {
    storage = await components.storage.look()
    changed()
  }

  function nameIn(conversation: Conversation): (userId: string) => string {
    return (userId) =>
      userId === account?.own.userId ? account.name : conversation.record().contactName
  }

  function viewOf(conversation: Conversation, record: MessageRecord): MessageView {
    return messageView(record, {
      own: requireAccount().own,
      nameOf: nameIn(conversation),
      nowMs: clock.now()
    })
  }

  function* contacts(): Iterable<NamedContact> {
    for (const { conversation } of conversations.values()) {
      const { contactUserId, contactName } = conversation.record()
      const isVerified = verifications.of(contactUserId) !== null
      yield { conversation: conversation.id, userId: contactUserId, name: contactName, isVerified }
    }
  }

  function summaryOf(
    { conversation, last, unread }: Listed,
    byName: ReturnType<typeof groupByName>
  ): ConversationSummary {
    const record = conversation.record()
    const verification = verifications.of(record.contactUserId)
    return conversationSummary({
      id: conversation.id,
      record,
      verification,
      namesakes:
        verification === null
          ? namesakesIn(byName, { userId: record.contactUserId, name: record.contactName })
          : [],
      connection: connectionOf(status, conversation.peers()),
      unread,
      last: last && viewOf(conversation, last)
    })
  }

  function snapshot(): ClientSnapshot {
    current ??= takeSnapshot()
    return current
  }

  function takeSnapshot(): ClientSnapshot {
    const byName = groupByName(contacts())
    const summaries = [...conversations.values()].map((item) => summaryOf(item, byName))
    return {
      profile: account === undefined ? null : profileOf(account),
      conversations: [...summaries, ...archives.summaries()].sort(byActivity),
      acceptances: account?.acceptances.list() ?? [],
      invite: account?.invites.current() ?? null,
      connection: bestConnection([
        connectionOf(status, new Set()),
        ...summaries.map((summary) => summary.connection)
      ]),
      network: status,
      nodes: nodeViews(effectiveNodes(), status, (node) => nodeSet.sourceOf(node)),
      settings,
      storage,
      problems: [...new Set(problems.values())]
    }
  }

  function requireAccount(): Account {
    if (account === undefined)
      throw new DeadDropError(
        'identity-missing',
        'no identity yet, expected one to be created first'
      )
    return account
  }

  function requireConversation(id: string): Conversation {
    requireAccount()
    const item = conversations.get(id)
    if (archives.has(id))
      throw new DeadDropError('conversation-read-only', 'conversation was imported')
    if (item === undefined)
      throw new DeadDropError('conversation-unknown', 'no conversation has this id')
    return item.conversation
  }

  /** A contact is verified or no more: their conversations look different, and those of their namesakes. */
  function verificationChanged({ contactUserId, contactName }: ConversationRecord): void {
    for (const contact of contacts()) {
      if (contact.userId === contactUserId || nameKey(contact.name) === nameKey(contactName))
        tellConversation(contact.conversation)
    }
    changed()
  }

  function viewOfArchive(id: string): (record: MessageRecord) => MessageView {
    return (record) => archives.viewOf(id, record)
  }

  function viewOfConversation(id: string): (record: MessageRecord) => MessageView {
    const conversation = requireConversation(id)
    return (record) => viewOf(conversation, record)
  }

  async function exportedConversations(): Promise<readonly ExportedConversation[]> {
    const { own, name } = requireAccount()
    return Promise.all(
      snapshot().conversations.map(async ({ id, title, contact, archive }) => {
        const record = archives.record(id)
        const self = archives.has(id) ? archives.ownUserId(id) : own.userId
        return {
          id,
          title,
          archive,
          draft: (await history.record(draftKind, id)) ?? '',
          participants:
            record === undefined
              ? [
                  { id: own.userId, name, isSelf: true },
                  { id: contact.userId, name: contact.name, isSelf: false }
                ]
              : participantsOf(id, record).map((participant) => ({
                  ...participant,
                  isSelf: participant.id === self
                })),
          viewOf: record === undefined ? viewOfConversation(id) : viewOfArchive(id)
        }
      })
    )
  }

  async function keepNodes(): Promise<void> {
    await history.commit({ records: [putRecord(nodeChoiceKind, SELF, nodeSet.choice())] })
    applyNodes()
    changed()
  }

  return {
    snapshot,

    addEventListener(type, listener, options) {
      events.addEventListener(type, listener, options)
    },

    async createIdentity(name) {
      if (account !== undefined)
        throw new DeadDropError('identity-exists', 'this device has an identity already')
      const displayName = readDisplayName(name)
      const identity = createIdentity(sealing)
      await history.commit(
        {
          records: [
            putRecord(identityKind, SELF, encodeIdentity(identity)),
            putRecord(nameKind, SELF, displayName)
          ]
        },
        { isDurable: true }
      )
      account = await openAccount(identity, displayName)
      if (network !== undefined) {
        account.invites.attach(network.replica, network.holder)
        account.acceptances.attach(network.replica, network.holder)
      }
      changed()
      return profileOf(account)
    },

    async setName(name) {
      const owner = requireAccount()
      const displayName = readDisplayName(name)
      await history.commit(
        { records: [putRecord(nameKind, SELF, displayName)] },
        { isDurable: true }
      )
      owner.name = displayName
      await Promise.all(
        [...conversations.values()].map(({ conversation }) => conversation.rename(displayName))
      )
      for (const view of views) view.refresh()
      changed()
    },

    async createInvite({ isFresh = false } = {}) {
      const { invites } = requireAccount()
      const known = isFresh ? null : invites.current()
      return known ?? invites.create()
    },

    async acceptInvite(link) {
      return requireAccount().acceptances.begin(link)
    },

    async cancelAcceptance(id) {
      await requireAccount().acceptances.cancel(id)
      applyNodes()
    },

    inspectInvite(link) {
      const invite = readInvite(link)
      if (invite.userId === account?.own.userId)
        throw new DeadDropError('invite-own', 'invite was made by this user')
      if (invite.isExpired(clock.now()))
        throw new DeadDropError('invite-expired', 'invite is expired')
      return { expiresAtMs: invite.expiresAtMs, inviterId: invite.userId }
    },

    async sendMessage(id, text) {
      const conversation = requireConversation(id)
      const messageId = await conversation.send(text)
      const own = requireAccount().own
      const stored = (await history.message(id, messageId)).find(
        (record) => record.author.userId === own.userId
      )
      if (stored === undefined)
        throw new DeadDropError('storage-corrupt', 'a message that was just stored cannot be read')
      return viewOf(conversation, stored)
    },

    async listMessages(id, { limit = DEFAULT_LIST_LIMIT, before } = {}) {
      const asView = archives.has(id) ? viewOfArchive(id) : viewOfConversation(id)
      const page = await history.messages(id, before === undefined ? { limit } : { limit, before })
      return page.records.map(asView)
    },

    async openConversation(id) {
      const isArchive = archives.has(id)
      return createConversationView(
        { history },
        {
          conversation: isArchive
            ? { id, markSeen: async () => undefined }
            : requireConversation(id),
          ownUserId: isArchive ? archives.ownUserId(id) : requireAccount().own.userId,
          viewOf: isArchive ? viewOfArchive(id) : viewOfConversation(id),
          onOpen: (view) => views.add(view),
          onClose: (view) => views.delete(view)
        }
      )
    },

    async safetyNumber(id) {
      const { contactUserId } = requireConversation(id).record()
      const ownUserId = requireAccount().own.userId
      ownHalf ??= await safetyHalf({ pause: nextTask }, ownUserId)
      const contactHalf = await safetyHalf({ pause: nextTask }, contactUserId)
      return {
        ...safetyNumber(ownHalf, contactHalf),
        code: encodeSafetyCode({ ownUserId, contactUserId })
      }
    },

    async compareSafetyCode(id, code) {
      const record = requireConversation(id).record()
      const known = {
        ownUserId: requireAccount().own.userId,
        contactUserId: record.contactUserId
      }
      const comparison = compareSafetyCode(known, readSafetyCode(code))
      if (comparison !== 'match') return comparison
      await verifications.verify(id, record.contactUserId, 'code')
      verificationChanged(record)
      return comparison
    },

    async setVerified(id, isVerified) {
      const record = requireConversation(id).record()
      if (isVerified) await verifications.verify(id, record.contactUserId, 'comparison')
      else await verifications.revoke(record.contactUserId)
      verificationChanged(record)
    },

    async draft(id) {
      return (await history.record(draftKind, id)) ?? ''
    },

    async setDraft(id, text) {
      requireConversation(id)
      const write = text === '' ? deleteRecord(draftKind, id) : putRecord(draftKind, id, text)
      await history.commit({ records: [write] })
    },

    async addNode(multiaddr) {
      nodeSet.add(multiaddr)
      await keepNodes()
    },

    async removeNode(multiaddr) {
      nodeSet.remove(multiaddr)
      await keepNodes()
    },

    async updateSettings(patch) {
      const next = { ...settings, ...patch }
      await history.commit({ records: [putRecord(settingsKind, SELF, next)] })
      settings = next
      changed()
    },

    async *exportData(onProgress) {
      yield* exportData(history, {
        exportedAtMs: clock.now(),
        profile: profileOf(requireAccount()),
        settings,
        nodes: effectiveNodes(),
        conversations: await exportedConversations(),
        onProgress
      })
    },

    async readArchive(text, { fileName, onProgress, signal } = {}) {
      return runSlices(readArchive(archiveComponents, text, fileName), {
        now: () => clock.now(),
        onProgress: (done) => onProgress?.(done, text.length),
        signal: AbortSignal.any([stopped.signal, ...(signal === undefined ? [] : [signal])])
      })
    },

    async importArchive(archive, options = {}) {
      const added = await archives.add(archive, { ...options, ownName: requireAccount().name })
      void components.storage.requestPersistence().then(lookAtStorage)
      return added
    },

    async deleteArchive(id) {
      await archives.remove(id)
    },

    wake() {
      network?.replica.wake()
      network?.holder.wake()
      account?.invites.wake()
      account?.acceptances.wake()
      for (const { conversation } of conversations.values()) conversation.wake()
    },

    async stop() {
      if (stopped.signal.aborted) return
      stopped.abort()
      views.clear()
      await archives.stop()
      await Promise.all([...conversations.values()].map(({ conversation }) => conversation.stop()))
      await account?.invites.stop()
      await account?.acceptances.stop()
      await network?.holder.stop()
      await history.close()
      await components.dispose()
    }
  }
}

function profileOf({ own, name }: Account): Profile {
  return { ...own, name }
}
