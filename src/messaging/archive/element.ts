import type { Sliced, SkipReason } from './archive.ts'
import { at, isMap, textAt, timeAt } from './json-fields.ts'
import { itemPlace, parseItem, type JsonOutline } from './json-outline.ts'
import type { Transcripts } from './transcripts.ts'

const SLICE_ITEMS = 100
const TEXT_TYPES = ['m.text', 'm.notice', 'm.emote']
const FILE_TYPES = ['m.image', 'm.file', 'm.audio', 'm.video', 'm.location']

interface Text {
  readonly eventId: string | undefined
  readonly sender: string
  readonly body: string
  readonly sentAtMs: number
}

/** Whether a document is a room that Element exported as JSON. */
export function isElement({ header, lists }: JsonOutline): boolean {
  return (
    lists.some(({ path }) => path === 'messages') &&
    (at(header, 'room_name') !== undefined || at(header, 'room_creator') !== undefined)
  )
}

/** @returns the name of who exported it, as the file says. */
export function* readElement(
  text: string,
  { header, lists }: JsonOutline,
  transcripts: Transcripts
): Sliced<string | null> {
  const list = lists.find(({ path }) => path === 'messages')
  if (list === undefined) return null
  const names = new Map<string, string>()
  const texts: Text[] = []
  /** Newest words of edited messages, by the event that they replace, with who may do so. */
  const edits = new Map<string, Map<string, string>>()
  for (let index = 0; index < list.spans.length / 2; index++) {
    if (index % SLICE_ITEMS === 0) yield list.spans[2 * index] ?? 0
    const reason = take(parseItem(text, list, index), names, texts, edits)
    if (reason !== undefined) transcripts.skip(reason, itemPlace(list.path, index))
  }
  const writer = transcripts.open(list.path)
  writer.setTitle(textAt(header, 'room_name') ?? '')
  for (const { eventId, sender, body, sentAtMs } of texts) {
    writer.participant(sender, names.get(sender) ?? sender, false)
    const words = (eventId === undefined ? undefined : edits.get(eventId)?.get(sender)) ?? body
    writer.add(sender, words, sentAtMs)
  }
  return textAt(header, 'exported_by') ?? null
}

function take(
  event: unknown,
  names: Map<string, string>,
  texts: Text[],
  edits: Map<string, Map<string, string>>
): SkipReason | undefined {
  const type = textAt(event, 'type')
  const sender = textAt(event, 'sender')
  const content = at(event, 'content')
  if (type === undefined || sender === undefined) return 'unreadable'
  if (type === 'm.room.member') {
    const member = textAt(event, 'state_key') ?? sender
    const name = textAt(content, 'displayname')
    if (name !== undefined) names.set(member, name)
    return 'service'
  }
  if (type === 'm.room.encrypted') return 'unreadable'
  if (type === 'm.sticker') return 'attachment'
  if (type !== 'm.room.message') return 'service'
  // A message that was removed keeps its event and loses its content.
  if (isMap(content) && Object.keys(content).length === 0) return 'service'
  const messageType = textAt(content, 'msgtype') ?? ''
  if (FILE_TYPES.includes(messageType) && captionOf(content) === undefined) return 'attachment'
  const sentAtMs = timeAt(event, 1, 'origin_server_ts')
  const body = FILE_TYPES.includes(messageType) ? captionOf(content) : textAt(content, 'body')
  const isKnown = TEXT_TYPES.includes(messageType) || FILE_TYPES.includes(messageType)
  if (!isKnown || sentAtMs === undefined || body === undefined || body.trim() === '')
    return 'unreadable'
  const replaced =
    textAt(content, 'm.relates_to', 'rel_type') === 'm.replace'
      ? textAt(content, 'm.relates_to', 'event_id')
      : undefined
  if (replaced !== undefined) {
    const words = textAt(content, 'm.new_content', 'body') ?? body
    const bySender = edits.get(replaced) ?? new Map<string, string>()
    edits.set(replaced, bySender.set(sender, words))
    return 'service'
  }
  texts.push({ eventId: textAt(event, 'event_id'), sender, body: body.trimEnd(), sentAtMs })
  return undefined
}

/** Words beside a file: the body where it differs from the name of the file. */
function captionOf(content: unknown): string | undefined {
  const body = textAt(content, 'body')
  const fileName = textAt(content, 'filename')
  return body !== undefined && fileName !== undefined && body !== fileName && body.trim() !== ''
    ? body
    : undefined
}
