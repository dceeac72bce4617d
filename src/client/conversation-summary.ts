import type {
  ConnectionKind,
  ConversationSummary,
  MessageView,
  Namesake,
  Verification
} from './client.ts'
import type { ArchiveRecord, ConversationRecord } from './records.ts'

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
    archive: null,
    last: last && shortMessage(last),
    activityAtMs: Math.max(createdAtMs, last?.sentAtMs ?? 0)
  }
}

/** An imported conversation as the list shows it: in its place by the time of its newest message. Pure. */
export function archiveSummary(
  id: string,
  record: ArchiveRecord,
  last: MessageView | null
): ConversationSummary {
  const { title, format, importedAtMs, claimedBy, exportedAtMs, participants, messages } = record
  return {
    id,
    title,
    contact: { userId: id, name: title },
    verification: null,
    namesakes: [],
    connection: 'offline',
    unread: 0,
    archive: { format, importedAtMs, claimedBy, exportedAtMs, messages, participants },
    last: last && shortMessage(last),
    activityAtMs: last?.sentAtMs ?? importedAtMs
  }
}

function shortMessage({ text, isOwn, sentAtMs, status }: MessageView): ConversationSummary['last'] {
  return { text, isOwn, sentAtMs, status }
}

/** Newest activity first; the same order for the same conversations on every call. */
export function byActivity(a: ConversationSummary, b: ConversationSummary): number {
  return b.activityAtMs - a.activityAtMs || (a.id < b.id ? -1 : 1)
}
