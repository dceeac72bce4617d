import type {
  ConnectionKind,
  ConversationSummary,
  MessageView,
  Namesake,
  Verification
} from './client.ts'
import type { ConversationRecord } from './records.ts'

/** A conversation as the list shows it. Pure. */
export function conversationSummary(init: {
  readonly id: string
  readonly record: ConversationRecord
  readonly verification: Verification | null
  readonly namesakes: readonly Namesake[]
  readonly connection: ConnectionKind
  readonly unread: number
  readonly last: MessageView | null
}): ConversationSummary {
  const { id, record, verification, namesakes, connection, unread, last } = init
  const { contactUserId, contactName, createdAtMs } = record
  return {
    id,
    title: contactName,
    contact: { userId: contactUserId, name: contactName },
    verification,
    namesakes,
    connection,
    unread,
    last: last && {
      text: last.text,
      isOwn: last.isOwn,
      sentAtMs: last.sentAtMs,
      status: last.status
    },
    activityAtMs: Math.max(createdAtMs, last?.sentAtMs ?? 0)
  }
}

/** Newest activity first; the same order for the same conversations on every call. */
export function byActivity(a: ConversationSummary, b: ConversationSummary): number {
  return b.activityAtMs - a.activityAtMs || (a.id < b.id ? -1 : 1)
}
