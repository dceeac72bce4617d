import type { History, MessageChange } from '#history/history.ts'
import { compareRecords, type MessageRecord } from '#messaging/conversation-reducer.ts'
import type { ConversationView, MessageView } from './client.ts'
import type { Conversation } from './conversation.ts'

/** The window behind a {@link ConversationView}; the client feeds it with what was stored. */
export interface LiveView extends ConversationView {
  apply(changes: readonly MessageChange[]): void
  /** Names or settings changed: everything is shown anew. */
  refresh(): void
}

const PAGE = 200
/** A view opens with all unread messages in it, up to this many. */
const MAX_FIRST_WINDOW = 2_000

export async function createConversationView(
  components: { readonly history: History },
  init: {
    readonly conversation: Pick<Conversation, 'id' | 'markSeen'>
    readonly ownUserId: string
    readonly viewOf: (record: MessageRecord) => MessageView
    /** Called before anything is read: what is stored from now on must reach {@link LiveView.apply}. */
    readonly onOpen: (view: LiveView) => void
    readonly onClose: (view: LiveView) => void
  }
): Promise<LiveView> {
  const { history } = components
  const { conversation, ownUserId, viewOf } = init
  const events = new EventTarget()
  let records: readonly MessageRecord[] = []
  let hasOlder = false
  let firstUnread: string | null = null
  /** What was stored while the first window was read. */
  let early: MessageChange[] | undefined = []
  /** Shown or about to be shown, and not yet told to the conversation. */
  let unseen = new Set<string>()
  let views = new Map<MessageRecord, MessageView>()
  let shown: readonly MessageView[] = []

  async function load(): Promise<void> {
    const first = await history.firstUnread(conversation.id)
    let page = await history.messages(conversation.id, { limit: PAGE })
    while (
      first !== undefined &&
      page.hasOlder &&
      page.records.length < MAX_FIRST_WINDOW &&
      !page.records.some(isSame(first))
    ) {
      page = await history.messages(conversation.id, { limit: page.records.length + PAGE })
    }
    records = page.records
    hasOlder = page.hasOlder
    firstUnread = first?.id ?? null
    const start = first === undefined ? -1 : records.findIndex(isSame(first))
    if (start !== -1)
      unseen = new Set(
        records
          .slice(start)
          .filter(isForeign)
          .map(({ id }) => id)
      )
    const changes = early ?? []
    early = undefined
    render()
    view.apply(changes)
  }

  function isForeign(record: MessageRecord): boolean {
    return record.author.userId !== ownUserId
  }

  function render(): void {
    const next = new Map<MessageRecord, MessageView>()
    for (const record of records) next.set(record, views.get(record) ?? viewOf(record))
    views = next
    shown = [...next.values()]
    events.dispatchEvent(new Event('change'))
  }

  const view: LiveView = {
    id: conversation.id,
    messages: () => shown,
    hasOlder: () => hasOlder,
    get firstUnread() {
      return firstUnread
    },

    async loadOlder() {
      const [oldest] = records
      if (!hasOlder || oldest === undefined) return
      const older = await history.messages(conversation.id, { limit: PAGE, before: oldest.id })
      const known = new Set(records.map(keyOf))
      records = [...older.records.filter((record) => !known.has(keyOf(record))), ...records].sort(
        compareRecords
      )
      hasOlder = older.hasOlder
      render()
    },

    async markRead() {
      if (unseen.size === 0) return
      const ids = [...unseen]
      unseen = new Set()
      try {
        await conversation.markSeen(ids)
      } catch (error) {
        for (const id of ids) unseen.add(id)
        throw error
      }
    },

    apply(changes) {
      if (early !== undefined) {
        early.push(...changes)
        return
      }
      if (changes.length === 0) return
      const byKey = new Map(records.map((record) => [keyOf(record), record]))
      const [oldest] = records
      for (const { before, after } of changes) {
        const isBelowWindow = hasOlder && oldest !== undefined && compareRecords(after, oldest) < 0
        if (isBelowWindow && !byKey.has(keyOf(after))) continue
        byKey.set(keyOf(after), after)
        if (before === null && isForeign(after)) unseen.add(after.id)
      }
      records = [...byKey.values()].sort(compareRecords)
      render()
    },

    refresh() {
      views = new Map()
      render()
    },

    addEventListener(type, listener, options) {
      events.addEventListener(
        type,
        () => {
          listener()
        },
        options
      )
    },

    close() {
      init.onClose(view)
    }
  }
  init.onOpen(view)
  try {
    await load()
  } catch (error) {
    view.close()
    throw error
  }
  return view
}

/** Two members may use one message id: the author makes it unique. */
function keyOf(record: MessageRecord): string {
  return `${record.id}:${record.author.userId}:${record.author.deviceId}`
}

function isSame(record: MessageRecord): (other: MessageRecord) => boolean {
  return (other) => keyOf(other) === keyOf(record)
}
