import { statusOf, trailOf, type MessageRecord } from '#messaging/conversation-reducer.ts'
import type { Author } from '#messaging/ports.ts'
import type { MessageView } from './client.ts'

/** Clocks differ; only a difference that would confuse a reader is shown. */
const CLOCK_TOLERANCE_MS = 60 * 60_000

/** Names of authors by user id. */
export type NameOf = (userId: string) => string

/** A message record as a screen shows it. Pure. */
export function messageView(
  record: MessageRecord,
  context: { readonly own: Author; readonly nameOf: NameOf; readonly nowMs: number }
): MessageView {
  const isOwn = record.author.userId === context.own.userId
  return {
    id: record.id,
    author: { userId: record.author.userId, name: context.nameOf(record.author.userId) },
    isOwn,
    text: record.text,
    sentAtMs: record.sentAtMs,
    isClockAhead: !isOwn && record.sentAtMs > context.nowMs + CLOCK_TOLERANCE_MS,
    status: isOwn ? statusOf(record) : null,
    trail: isOwn ? trailOf(record) : null
  }
}
