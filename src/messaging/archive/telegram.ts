import type { ArchiveComponents, Sliced } from './archive.ts'
import { at, idAt, listAt, textAt, timeAt } from './json-fields.ts'
import { itemPlace, parseItem, type JsonOutline } from './json-outline.ts'
import { isoTimeMs } from './local-time.ts'
import type { Transcripts, TranscriptWriter } from './transcripts.ts'

const SLICE_ITEMS = 100
/** Fields that stand for a file or for something that is no text. */
const ATTACHED = [
  'photo',
  'file',
  'media_type',
  'poll',
  'location_information',
  'contact_information',
  'game_title',
  'sticker_emoji'
]

/** Whether a document is `result.json` of Telegram Desktop: of one chat, or of a whole account. */
export function isTelegram({ header, lists }: JsonOutline): boolean {
  const isChat = textAt(header, 'type') !== undefined && idAt(header, 'id') !== undefined
  return lists.some(({ path }) => (path === 'messages' ? isChat : accountPath(path) !== undefined))
}

export function* readTelegram(
  components: ArchiveComponents,
  text: string,
  { header, lists }: JsonOutline,
  transcripts: Transcripts
): Sliced<void> {
  const user = idAt(header, 'personal_information', 'user_id')
  const self = user === undefined ? undefined : `user${user}`
  for (const list of lists) {
    const chat = chatOf(header, list.path)
    if (chat === undefined) continue
    const writer = transcripts.open(list.path)
    writer.setTitle(
      textAt(chat, 'name') ?? (textAt(chat, 'type') === 'saved_messages' ? 'Saved messages' : '')
    )
    for (let index = 0; index < list.spans.length / 2; index++) {
      if (index % SLICE_ITEMS === 0) yield list.spans[2 * index] ?? 0
      const item = parseItem(text, list, index)
      const reason = addMessage(components, writer, item, self)
      if (reason !== undefined) transcripts.skip(reason, itemPlace(list.path, index))
    }
  }
}

function addMessage(
  components: ArchiveComponents,
  writer: TranscriptWriter,
  item: unknown,
  self: string | undefined
): 'service' | 'attachment' | 'unreadable' | undefined {
  const type = textAt(item, 'type')
  if (type === 'service') return 'service'
  const sentAtMs =
    timeAt(item, 1_000, 'date_unixtime') ?? isoTimeMs(components, textAt(item, 'date') ?? '')
  const words = wordsOf(at(item, 'text'))
  if (type !== 'message' || sentAtMs === undefined || words === undefined) return 'unreadable'
  if (words.trim() === '')
    return ATTACHED.some((name) => at(item, name) !== undefined) ? 'attachment' : 'service'
  const name = textAt(item, 'from') ?? null
  const author = idAt(item, 'from_id') ?? name ?? ''
  writer.participant(author, name, author === self)
  writer.add(author, words.trimEnd(), sentAtMs)
  return undefined
}

/** A text, or a list of texts and of parts with a format: links, mentions, code. */
function wordsOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  return value
    .map((part: unknown) => (typeof part === 'string' ? part : (textAt(part, 'text') ?? '')))
    .join('')
}

function accountPath(path: string): { readonly list: string; readonly index: number } | undefined {
  const match = /^(chats|left_chats)\.list\[(\d+)\]\.messages$/.exec(path)
  return match === null ? undefined : { list: match[1] ?? '', index: Number(match[2]) }
}

function chatOf(header: unknown, path: string): unknown {
  if (path === 'messages') return header
  const place = accountPath(path)
  return place === undefined ? undefined : listAt(header, place.list, 'list')[place.index]
}
