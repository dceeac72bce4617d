import { TypedEventEmitter } from 'main-event'
import type { CommitOutcome, History } from '#history/history.ts'
import { deleteRecord, putRecord } from '#history/record-kind.ts'
import type { MessageRecord } from '#messaging/conversation-reducer.ts'
import type { Author } from '#messaging/ports.ts'
import type { PinClient } from '#pinning/pin-client.ts'
import { readDisplayName } from '#protocol/display-name.ts'
import { DeadDropError, type ErrorCode } from '#protocol/errors.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { NetworkStatus, Replica } from '#replica/replica.ts'
import {
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  redactIdentity,
  type IdentityWithSecrets
} from '#sealing/identity.ts'
import { readInvite } from '#sealing/invite-link.ts'
import { thawSession } from '#sealing/session.ts'
import { createAcceptances, type Acceptances } from './acceptances.ts'
import type { Adopted } from './adopted.ts'
import type {
  ClientEvents,
  ClientSnapshot,
  ConnectionKind,
  ConversationSummary,
  DeadDropClient,
  Profile,
  Settings,
  StorageView
} from './client.ts'
import { bestConnection, connectionOf } from './connection-kind.ts'
import { byActivity, conversationSummary } from './conversation-summary.ts'
import { createConversationView, type LiveView } from './conversation-view.ts'
import { createConversation, type Conversation } from './conversation.ts'
import { deliveryStep } from './delivery-step.ts'
import { createHolder, type Holder } from './holder.ts'
import { createInvites, type Invites } from './invites.ts'
import { messageView } from './message-views.ts'
import { createNodeSet } from './node-set.ts'
import { nodeViews } from './node-views.ts'
import {
  conversationKind,
  draftKind,
  identityKind,
  nameKind,
  nodeChoiceKind,
  SELF,
  settingsKind
} from './records.ts'
import type { SegmentPolicy } from './segment-keeper.ts'

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
  let current: ClientSnapshot | undefined
  let isChangeScheduled = false

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
    if (item !== undefined) events.safeDispatchEvent('conversation', { detail: summaryOf(item) })
  }

  function tellConnections(): void {
    const { connection, conversations: summaries } = snapshot()
    const now = new Map<string | null, ConnectionKind>([
      [null, connection],
      ...summaries.map((summary): [string, ConnectionKind] => [summary.id, summary.connection])
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

  function viewOf(
    conversation: Conversation,
    record: MessageRecord
  ): ReturnType<typeof messageView> {
    return messageView(record, {
      own: requireAccount().own,
      nameOf: nameIn(conversation),
      nowMs: clock.now()
    })
  }

  function summaryOf({ conversation, last, unread }: Listed): ConversationSummary {
    return conversationSummary({
      id: conversation.id,
      record: conversation.record(),
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
    const summaries = [...conversations.values()].map(summaryOf).sort(byActivity)
    return {
      profile: account === undefined ? null : profileOf(account),
      conversations: summaries,
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
    if (item === undefined)
      throw new DeadDropError('conversation-unknown', 'no conversation has this id')
    return item.conversation
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
      const conversation = requireConversation(id)
      const page = await history.messages(id, before === undefined ? { limit } : { limit, before })
      return page.records.map((record) => viewOf(conversation, record))
    },

    async openConversation(id) {
      const conversation = requireConversation(id)
      return createConversationView(
        { history, now: () => clock.now() },
        {
          conversation,
          own: requireAccount().own,
          nameOf: nameIn(conversation),
          onOpen: (view) => views.add(view),
          onClose: (view) => views.delete(view)
        }
      )
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
