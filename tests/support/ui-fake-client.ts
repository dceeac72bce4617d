import type {
  Acceptance,
  ClientEvents,
  ClientSnapshot,
  ConnectionKind,
  ConversationSummary,
  ConversationView,
  DeadDropClient,
  InviteView,
  MessageView,
  NodeView,
  Profile,
  SafetyView,
  Settings,
  Verification
} from '#client/client.ts'
import type { DeliveryStatus, DeliveryTrail } from '#messaging/delivery.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { readWhole } from '#tests/support/archive-fixtures.ts'
import type { ErrorCode } from '#protocol/errors.ts'

/** Time that passes when a test says so. */
export interface FakeClientClock {
  now(): number
}

export interface FakeClientInit {
  readonly baseUrl: string
  /** Name of an identity that is there already; `null` = first run. */
  readonly name: string | null
  readonly conversations?: readonly FakeConversationInit[]
  readonly connection?: ConnectionKind
  readonly problems?: readonly ErrorCode[]
  readonly settings?: Partial<Settings>
  readonly nodes?: readonly NodeView[]
}

export interface FakeConversationInit {
  readonly title: string
  readonly connection: ConnectionKind
  /** Oldest first. `status` marks an own message. */
  readonly messages: readonly {
    readonly text: string
    readonly atMs: number
    readonly status?: DeliveryStatus
  }[]
  readonly unread?: number
  /** `code` or `comparison`: the contact is verified. */
  readonly verifiedBy?: Verification['by']
}

/** {@link DeadDropClient} for components: in memory, with levers for what the network would do. */
export interface FakeClient extends DeadDropClient {
  readonly levers: {
    receive(conversation: string, text: string): void
    setStatus(conversation: string, message: string, status: DeliveryStatus): void
    setConnection(connection: ConnectionKind): void
    setProblems(problems: readonly ErrorCode[]): void
    holdInvite(nodes: number): void
    advance(acceptance: string, patch: Partial<Acceptance>): void
    /** Acceptance goes through all steps and its conversation appears. */
    finish(acceptance: string, inviterName: string): void
    /** The next call of this method rejects with that code. */
    failNext(
      method:
        | 'createIdentity'
        | 'sendMessage'
        | 'createInvite'
        | 'addNode'
        | 'acceptInvite'
        | 'setVerified',
      code: ErrorCode
    ): void
    readonly wakes: () => number
  }
}

interface StoredConversation {
  summary: ConversationSummary
  messages: MessageView[]
  unread: number
}

const PAGE = 50
const NODE_PEER = '12D3KooWQ5mV8h2nBzpjxM9aVYcBcWjW1sVnLkq8u8ZfYJx3TtPm'
const NODE_ADDRESS = `/dns4/node.example.org/tcp/443/tls/ws/p2p/${NODE_PEER}`

/** The first vector of `tests/vectors/sealing-safety-number.json`. */
const SAFETY: SafetyView = {
  digits: '406804038851483270832776301454690279045960796117089430525219',
  words: (
    'liar dial erase hybrid wrap eyebrow slab suit ' +
    'sing caught liar hurdle insane upset forget whip'
  ).split(' '),
  code: 'deaddrop-safety:gwFYIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fWCAgISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P3HIyAk'
}

/** What the contact of every conversation shows. */
export const MATCHING_CODE = 'deaddrop-safety:of-the-contact'

export function createFakeClient(
  components: { readonly clock: FakeClientClock },
  init: FakeClientInit
): FakeClient {
  const target = new EventTarget()
  const conversations = new Map<string, StoredConversation>()
  const drafts = new Map<string, string>()
  const failures = new Map<string, ErrorCode>()
  const viewListeners = new Set<(conversation: string) => void>()
  let ids = 0
  let wakes = 0
  const id = (): string => (++ids).toString(16).padStart(32, '0')
  const me: Profile = { userId: 'a1'.repeat(32), deviceId: 'd1'.repeat(16), name: init.name ?? '' }

  let state: ClientSnapshot = {
    profile: init.name === null ? null : me,
    conversations: [],
    acceptances: [],
    invite: null,
    connection: init.connection ?? 'relayed',
    network: {
      peerId: '12D3KooWMe',
      multiaddrs: [],
      isOnline: init.connection !== 'offline',
      peers:
        init.connection === 'offline'
          ? []
          : [
              {
                peerId: NODE_PEER,
                transport: 'websocket',
                isLimited: false,
                direction: 'outbound',
                multiaddr: NODE_ADDRESS,
                roundTripMs: 31,
                openedAtMs: 0
              },
              {
                peerId: '12D3KooWRbX5QhDkM1cdJcNxTq7Lw2zPZbBV5rEo6gYtHkUuCv9a',
                transport: 'webrtc',
                isLimited: false,
                direction: 'inbound',
                multiaddr: '/webrtc',
                roundTripMs: null,
                openedAtMs: 0
              }
            ],
      nodes: []
    },
    nodes: init.nodes ?? [
      {
        multiaddr: NODE_ADDRESS,
        state: init.connection === 'offline' ? 'unreachable' : 'connected',
        error: null,
        retryAtMs: init.connection === 'offline' ? components.clock.now() + 20_000 : null,
        source: 'config'
      },
      {
        multiaddr:
          '/ip4/192.0.2.7/tcp/4001/ws/p2p/12D3KooWPim111111111111111111111111111111111111111',
        state: 'unreachable',
        error: 'refused',
        retryAtMs: components.clock.now() + 40_000,
        source: 'user'
      }
    ],
    settings: {
      theme: 'system',
      language: 'auto',
      sendReadReceipts: true,
      allowDirect: true,
      autoLock: 'thirty-minutes',
      ...init.settings
    },
    storage: { isPersistent: true, usedBytes: 4_300_000, quotaBytes: 2_100_000_000 },
    problems: init.problems ?? []
  }

  function change(patch: Partial<ClientSnapshot>): void {
    state = { ...state, ...patch }
    target.dispatchEvent(new CustomEvent('change', { detail: state }))
  }

  function refused(code: ErrorCode): DeadDropError {
    return new DeadDropError(code, 'the fake client was told to refuse')
  }

  function failIfTold(method: string): void {
    const code = failures.get(method)
    failures.delete(method)
    if (code !== undefined) throw refused(code)
  }

  function stored(conversation: string): StoredConversation {
    const found = conversations.get(conversation)
    if (found === undefined) throw refused('conversation-unknown')
    return found
  }

  function trailFor(status: DeliveryStatus, atMs: number, contact: string): DeliveryTrail {
    const rank = ['sending', 'on-device', 'held', 'delivered', 'read'].indexOf(status)
    return {
      onDeviceAtMs: rank >= 1 ? atMs : null,
      nodes:
        rank >= 2
          ? [{ peerId: NODE_PEER, receivedAtMs: atMs + 300, heldUntilMs: atMs + 30 * 86_400_000 }]
          : [],
      devices:
        rank >= 3
          ? [
              {
                userId: contact,
                deviceId: 'c7'.repeat(16),
                deliveredAtMs: atMs + 900,
                readAtMs: rank >= 4 ? atMs + 60_000 : null
              }
            ]
          : []
    }
  }

  function namesakesOf({ id: own, title }: ConversationSummary): ConversationSummary['namesakes'] {
    return [...conversations.values()]
      .filter(({ summary }) => summary.title === title && summary.id !== own)
      .map(({ summary }) => ({
        conversation: summary.id,
        isVerified: summary.verification !== null
      }))
  }

  function setVerification(conversation: string, verification: Verification | null): void {
    const found = stored(conversation)
    found.summary = { ...found.summary, verification }
    summarise()
  }

  function summarise(): void {
    for (const conversation of conversations.values()) {
      const last = conversation.messages.at(-1)
      conversation.summary = {
        ...conversation.summary,
        namesakes:
          conversation.summary.verification === null ? namesakesOf(conversation.summary) : [],
        unread: conversation.unread,
        last:
          last === undefined
            ? null
            : { text: last.text, isOwn: last.isOwn, sentAtMs: last.sentAtMs, status: last.status },
        activityAtMs: last?.sentAtMs ?? conversation.summary.activityAtMs
      }
    }
    change({
      conversations: [...conversations.values()]
        .map((conversation) => conversation.summary)
        .sort((a, b) => b.activityAtMs - a.activityAtMs)
    })
  }

  function touched(conversation: string): void {
    summarise()
    for (const listener of viewListeners) listener(conversation)
  }

  function add(given: FakeConversationInit): string {
    const conversation = id()
    const contact = {
      userId: (0x3f1c55 + conversations.size * 977).toString(16).padStart(6, '0').padEnd(64, 'b'),
      name: given.title
    }
    conversations.set(conversation, {
      summary: {
        id: conversation,
        title: given.title,
        contact,
        verification:
          given.verifiedBy === undefined
            ? null
            : { verifiedAtMs: components.clock.now() - 86_400_000, by: given.verifiedBy },
        namesakes: [],
        connection: given.connection,
        unread: 0,
        archive: null,
        last: null,
        activityAtMs: components.clock.now()
      },
      unread: given.unread ?? 0,
      messages: given.messages.map((message) => ({
        id: id(),
        author: message.status === undefined ? contact : { userId: me.userId, name: me.name },
        isOwn: message.status !== undefined,
        text: message.text,
        sentAtMs: message.atMs,
        isClockAhead: false,
        status: message.status ?? null,
        trail:
          message.status === undefined
            ? null
            : trailFor(message.status, message.atMs, contact.userId)
      }))
    })
    return conversation
  }

  for (const conversation of init.conversations ?? []) add(conversation)
  summarise()

  function checkLink(link: string): string {
    const payload = /#\/invite\/([A-Za-z0-9_-]+)$/.exec(link)?.[1]
    if (payload === undefined || payload.length < 8) throw refused('invite-malformed')
    if (payload.startsWith('expired')) throw refused('invite-expired')
    if (payload.startsWith('future')) throw refused('invite-unsupported-version')
    if (link === state.invite?.link) throw refused('invite-own')
    return payload
  }

  return {
    snapshot: () => state,
    addEventListener<K extends keyof ClientEvents>(
      type: K,
      listener: (event: ClientEvents[K]) => void,
      options?: { signal?: AbortSignal }
    ) {
      // EventTarget is typed for `Event` only; this object dispatches nothing but ClientEvents under these names.
      target.addEventListener(type, listener as unknown as EventListener, options)
    },
    async createIdentity(name) {
      failIfTold('createIdentity')
      if (name.trim() === '') throw refused('name-empty')
      if (Array.from(name).length > 64) throw refused('name-too-long')
      const profile = { ...me, name }
      change({ profile })
      return profile
    },
    async setName(name) {
      if (name.trim() === '') throw refused('name-empty')
      if (Array.from(name).length > 64) throw refused('name-too-long')
      change({ profile: { ...me, name } })
    },
    async createInvite(options) {
      failIfTold('createInvite')
      if (state.invite !== null && options?.isFresh !== true) return state.invite
      const invite: InviteView = {
        link: `${init.baseUrl}#/invite/${`AWq3${id()}`.padEnd(420, 'x7Kd_Qm2-')}`,
        expiresAtMs: components.clock.now() + 14 * 86_400_000,
        heldBy: 0
      }
      change({ invite })
      return invite
    },
    async acceptInvite(link) {
      failIfTold('acceptInvite')
      checkLink(link)
      if (state.profile === null) throw refused('identity-missing')
      const acceptance: Acceptance = {
        id: id(),
        step: 'reaching-node',
        inviterName: null,
        conversation: null,
        error: null,
        startedAtMs: components.clock.now()
      }
      change({ acceptances: [...state.acceptances, acceptance] })
      return acceptance
    },
    async cancelAcceptance(acceptance) {
      change({ acceptances: state.acceptances.filter((candidate) => candidate.id !== acceptance) })
    },
    inspectInvite(link) {
      checkLink(link)
      return { expiresAtMs: components.clock.now() + 86_400_000, inviterId: 'b2'.repeat(32) }
    },
    async sendMessage(conversation, text) {
      failIfTold('sendMessage')
      const target_ = stored(conversation)
      const message: MessageView = {
        id: id(),
        author: { userId: me.userId, name: me.name },
        isOwn: true,
        text,
        sentAtMs: components.clock.now(),
        isClockAhead: false,
        status: 'on-device',
        trail: trailFor('on-device', components.clock.now(), target_.summary.contact.userId)
      }
      target_.messages = [...target_.messages, message]
      touched(conversation)
      return message
    },
    async listMessages(conversation, options) {
      const { messages } = stored(conversation)
      const end =
        options?.before === undefined
          ? messages.length
          : messages.findIndex((message) => message.id === options.before)
      return messages.slice(Math.max(0, end - (options?.limit ?? PAGE)), end)
    },
    async openConversation(conversation): Promise<ConversationView> {
      const opened = stored(conversation)
      const unreadFrom = opened.messages.filter((message) => !message.isOwn).at(-opened.unread)
      const firstUnread = opened.unread === 0 ? null : (unreadFrom?.id ?? null)
      let from = Math.max(0, opened.messages.length - PAGE - opened.unread)
      const own = new EventTarget()
      const listener = (changed: string): void => {
        if (changed === conversation) own.dispatchEvent(new Event('change'))
      }
      viewListeners.add(listener)
      return {
        id: conversation,
        firstUnread,
        messages: () => opened.messages.slice(from),
        hasOlder: () => from > 0,
        async loadOlder() {
          from = Math.max(0, from - PAGE)
          listener(conversation)
        },
        async markRead() {
          if (opened.unread === 0) return
          opened.unread = 0
          summarise()
        },
        addEventListener(type, onChange, options) {
          own.addEventListener(type, onChange, options)
        },
        close() {
          viewListeners.delete(listener)
        }
      }
    },
    async safetyNumber(conversation) {
      stored(conversation)
      return SAFETY
    },
    async compareSafetyCode(conversation, code) {
      stored(conversation)
      if (!code.startsWith('deaddrop-safety:')) throw refused('safety-code-malformed')
      if (code === SAFETY.code) return 'own-code'
      if (code !== MATCHING_CODE) return 'mismatch'
      setVerification(conversation, { verifiedAtMs: components.clock.now(), by: 'code' })
      return 'match'
    },
    async setVerified(conversation, isVerified) {
      failIfTold('setVerified')
      setVerification(
        conversation,
        isVerified ? { verifiedAtMs: components.clock.now(), by: 'comparison' } : null
      )
    },
    draft: async (conversation) => drafts.get(conversation) ?? '',
    async setDraft(conversation, text) {
      drafts.set(conversation, text)
    },
    async addNode(multiaddr) {
      failIfTold('addNode')
      if (!multiaddr.startsWith('/') || !multiaddr.includes('/p2p/'))
        throw refused('node-address-malformed')
      change({
        nodes: [
          ...state.nodes,
          { multiaddr, state: 'connecting', error: null, retryAtMs: null, source: 'user' }
        ]
      })
    },
    async removeNode(multiaddr) {
      change({ nodes: state.nodes.filter((node) => node.multiaddr !== multiaddr) })
    },
    async updateSettings(patch) {
      change({ settings: { ...state.settings, ...patch } })
    },
    async *exportData(onProgress) {
      yield '{"format":"deaddrop-export","version":1,'
      onProgress?.(1)
      yield '"conversations":[]}'
    },
    async readArchive(text, options) {
      return readWhole(text, options?.fileName)
    },
    async importArchive(archive, options) {
      const added = archive.transcripts.map((transcript) => {
        const names = transcript.participants.map(({ name }) => name ?? me.name)
        const conversation = add({
          title: transcript.title === '' ? names.join(', ') : transcript.title,
          connection: 'offline',
          messages: []
        })
        const opened = stored(conversation)
        opened.summary = {
          ...opened.summary,
          archive: {
            format: archive.format,
            importedAtMs: components.clock.now(),
            claimedBy: archive.claimedBy,
            exportedAtMs: archive.exportedAtMs,
            messages: transcript.messages.length,
            participants: names
          }
        }
        opened.messages = transcript.messages.map(({ author, text, sentAtMs }) => ({
          id: id(),
          author: { userId: String(author).padStart(64, '0'), name: names[author] ?? '' },
          isOwn: names[author] === options?.self,
          text,
          sentAtMs,
          isClockAhead: false,
          status: null,
          trail: null
        }))
        return conversation
      })
      summarise()
      return added
    },
    async deleteArchive(conversation) {
      conversations.delete(conversation)
      summarise()
    },
    wake() {
      wakes += 1
    },
    async stop() {
      viewListeners.clear()
    },
    levers: {
      receive(conversation, text) {
        const opened = stored(conversation)
        opened.messages = [
          ...opened.messages,
          {
            id: id(),
            author: opened.summary.contact,
            isOwn: false,
            text,
            sentAtMs: components.clock.now(),
            isClockAhead: false,
            status: null,
            trail: null
          }
        ]
        opened.unread += 1
        touched(conversation)
      },
      setStatus(conversation, message, status) {
        const opened = stored(conversation)
        opened.messages = opened.messages.map((candidate) =>
          candidate.id === message
            ? {
                ...candidate,
                status,
                trail: trailFor(status, candidate.sentAtMs, opened.summary.contact.userId)
              }
            : candidate
        )
        touched(conversation)
      },
      setConnection(connection) {
        for (const conversation of conversations.values())
          conversation.summary = { ...conversation.summary, connection }
        change({ connection })
        summarise()
      },
      setProblems(problems) {
        change({ problems })
      },
      holdInvite(nodes) {
        if (state.invite !== null) change({ invite: { ...state.invite, heldBy: nodes } })
      },
      advance(acceptance, patch) {
        change({
          acceptances: state.acceptances.map((candidate) =>
            candidate.id === acceptance ? { ...candidate, ...patch } : candidate
          )
        })
      },
      finish(acceptance, inviterName) {
        const conversation = add({ title: inviterName, connection: 'direct', messages: [] })
        summarise()
        change({
          acceptances: state.acceptances.map((candidate) =>
            candidate.id === acceptance
              ? { ...candidate, step: 'done', inviterName, conversation, error: null }
              : candidate
          )
        })
      },
      failNext(method, code) {
        failures.set(method, code)
      },
      wakes: () => wakes
    }
  }
}
