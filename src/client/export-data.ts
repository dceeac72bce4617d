import type { History } from '#history/history.ts'
import { EXPORT_FORMAT, EXPORT_VERSION } from '#messaging/archive/deaddrop.ts'
import type { MessageRecord } from '#messaging/conversation-reducer.ts'
import { nextTask } from '#replica/next-task.ts'
import type { ArchiveView, MessageView, Profile, Settings } from './client.ts'

/** One conversation to export. */
export interface ExportedConversation {
  readonly id: string
  readonly title: string
  readonly participants: readonly {
    readonly id: string
    readonly name: string
    readonly isSelf: boolean
  }[]
  readonly archive: ArchiveView | null
  readonly draft: string
  readonly viewOf: (record: MessageRecord) => MessageView
}

const PAGE = 200

/** Writes docs/export-format.md in pieces: first the user, then each conversation, oldest message first. */
export async function* exportData(
  history: Pick<History, 'messages'>,
  init: {
    readonly exportedAtMs: number
    readonly profile: Profile
    readonly settings: Settings
    readonly nodes: readonly string[]
    readonly conversations: readonly ExportedConversation[]
    readonly onProgress?: ((messages: number) => void) | undefined
  }
): AsyncGenerator<string> {
  const { exportedAtMs, profile, settings, nodes } = init
  const head = {
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    exportedAt: exportedAtMs,
    profile,
    settings,
    nodes
  }
  yield `${JSON.stringify(head, null, 1).slice(0, -2)},\n "conversations": [`
  let written = 0
  for (const [index, conversation] of init.conversations.entries()) {
    const { id, title, participants, archive, draft, viewOf } = conversation
    /** Newest first, because that is how pages are found. */
    const pages: string[] = []
    let unreadable = 0
    let before: MessageRecord | undefined
    for (;;) {
      const page = await history.messages(
        id,
        before === undefined ? { limit: PAGE } : { limit: PAGE, before }
      )
      unreadable += page.corrupt
      if (page.records.length > 0) {
        pages.push(
          page.records.map((record) => `\n   ${JSON.stringify(exported(viewOf(record)))}`).join(',')
        )
        written += page.records.length
        init.onProgress?.(written)
      }
      before = page.records[0]
      if (!page.hasOlder || before === undefined) break
      await nextTask()
    }
    const fields = { id, title, participants, archive, draft, unreadable }
    yield `${index === 0 ? '' : ','}\n ${JSON.stringify(fields).slice(0, -1)},"messages":[`
    for (const [position, page] of pages.reverse().entries())
      yield position === 0 ? page : `,${page}`
    yield ']}'
  }
  yield '\n ]\n}\n'
}

function exported({
  id,
  author,
  text,
  sentAtMs,
  status,
  trail
}: MessageView): Readonly<Record<string, unknown>> {
  return {
    id,
    author: author.userId,
    sentAt: sentAtMs,
    text,
    ...(status === null ? {} : { status }),
    ...(trail === null ? {} : { trail })
  }
}
