import type { MessageView } from '#client/client.ts'

/** One line of the message list. */
export type MessageRow =
  | { readonly kind: 'start'; readonly key: string }
  | { readonly kind: 'day'; readonly key: string; readonly atMs: number }
  | { readonly kind: 'unread'; readonly key: string }
  | {
      readonly kind: 'message'
      readonly key: string
      readonly message: MessageView
      /** First of a run by one author, within a day and without long pauses. */
      readonly isFirst: boolean
      readonly isLast: boolean
    }

const PAUSE_MS = 5 * 60_000

/**
 * Lays messages out in rows: a heading per day, a mark before the first unread message, runs of one author.
 *
 * @param messages - oldest first.
 * @param options.firstUnread - id of the message that gets the mark, if it is there and not our own.
 * @param options.isComplete - whether nothing older exists; then the list begins with a `start` row.
 * @param options.startOfDay - local midnight before a time, Unix ms.
 */
export function layOutMessages(
  messages: readonly MessageView[],
  options: {
    readonly firstUnread: string | null
    readonly isComplete: boolean
    readonly startOfDay: (ms: number) => number
  }
): readonly MessageRow[] {
  const rows: MessageRow[] = options.isComplete ? [{ kind: 'start', key: 'start' }] : []
  messages.forEach((message, index) => {
    const previous = messages[index - 1]
    const next = messages[index + 1]
    const day = options.startOfDay(message.sentAtMs)
    const isNewDay = previous === undefined || options.startOfDay(previous.sentAtMs) !== day
    const isUnreadMark = message.id === options.firstUnread
    if (isNewDay) rows.push({ kind: 'day', key: `day-${message.id}`, atMs: day })
    if (isUnreadMark) rows.push({ kind: 'unread', key: 'unread' })
    rows.push({
      kind: 'message',
      key: message.id,
      message,
      isFirst: isNewDay || isUnreadMark || !isSameRun(previous, message),
      isLast:
        next === undefined ||
        next.id === options.firstUnread ||
        options.startOfDay(next.sentAtMs) !== day ||
        !isSameRun(message, next)
    })
  })
  return rows
}

function isSameRun(earlier: MessageView, later: MessageView): boolean {
  return (
    earlier.author.userId === later.author.userId &&
    Math.abs(later.sentAtMs - earlier.sentAtMs) < PAUSE_MS
  )
}
