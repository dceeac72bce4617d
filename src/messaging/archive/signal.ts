import { MAX_ARCHIVE_ITEM_CHARACTERS } from '#protocol/limits.ts'
import type { ArchiveComponents, ArchivePlace, Sliced, SkipReason } from './archive.ts'
import { at, idAt, isMap, listAt, textAt, timeAt } from './json-fields.ts'
import { itemPlace, parseAt, parseItem, type JsonOutline } from './json-outline.ts'
import { isoTimeMs } from './local-time.ts'
import type { Transcripts } from './transcripts.ts'

const SLICE_ITEMS = 100
/** What signal-export calls the user. */
const ME = 'Me'
const MAX_PEOPLE = 100_000

/** Whether a document is a list of rows of Signal Desktop's database, alone or under `messages`. */
export function isSignal(text: string, { lists }: JsonOutline): boolean {
  return lists.some(
    (list) =>
      (list.path === '' || list.path === 'messages') &&
      list.spans.length > 0 &&
      isRow(parseItem(text, list, 0))
  )
}

/** Whether a text is one JSON object a line, as signal-export (`data.json`) and Signal's own export (`main.jsonl`) write. */
export function isSignalLines(text: string): boolean {
  const line = text.slice(0, MAX_ARCHIVE_ITEM_CHARACTERS).split('\n', 1)[0] ?? ''
  try {
    const first: unknown = JSON.parse(line.replace(/^\ufeff/, ''))
    return isRow(first) || isNote(first) || isFrame(first) || isBackupInfo(first)
  } catch {
    return false
  }
}

export function* readSignal(
  components: ArchiveComponents,
  text: string,
  { lists }: JsonOutline,
  transcripts: Transcripts,
  title: string
): Sliced<void> {
  const reader = createReader(components, transcripts, title)
  for (const list of lists) {
    if (list.path !== '' && list.path !== 'messages') continue
    for (let index = 0; index < list.spans.length / 2; index++) {
      if (index % SLICE_ITEMS === 0) yield list.spans[2 * index] ?? 0
      reader.take(parseItem(text, list, index), itemPlace(list.path, index))
    }
  }
}

export function* readSignalLines(
  components: ArchiveComponents,
  text: string,
  transcripts: Transcripts,
  title: string
): Sliced<void> {
  const reader = createReader(components, transcripts, title)
  let line = 0
  let start = text.startsWith('\ufeff') ? 1 : 0
  while (start < text.length) {
    const found = text.indexOf('\n', start)
    const end = found === -1 ? text.length : found
    line++
    const place = { kind: 'line', line } as const
    if (end - start > MAX_ARCHIVE_ITEM_CHARACTERS) transcripts.skip('unreadable', place)
    else {
      const json = text.slice(start, end).trim()
      if (json !== '') reader.take(parseAt(json, place), place)
    }
    start = end + 1
    if (line % SLICE_ITEMS === 0) yield Math.min(start, text.length)
  }
}

interface Person {
  readonly name: string | null
  readonly isSelf: boolean
}

/** Takes items of all three kinds; people and chats come before the messages that name them. */
function createReader(
  components: ArchiveComponents,
  transcripts: Transcripts,
  title: string
): { take(item: unknown, place: ArchivePlace): void } {
  const people = new Map<string, Person>()
  const chats = new Map<string, string>()

  function add(
    conversation: { readonly key: string; readonly title: string },
    author: Person & { readonly key: string },
    words: string,
    sentAtMs: number
  ): void {
    const writer = transcripts.open(conversation.key)
    writer.setTitle(conversation.title)
    writer.participant(author.key, author.name, author.isSelf)
    writer.add(author.key, words, sentAtMs)
  }

  function takeFrame(frame: unknown): SkipReason | undefined {
    const recipient = at(frame, 'recipient')
    const chat = at(frame, 'chat')
    const item = at(frame, 'chatItem')
    if (recipient !== undefined) {
      const id = idAt(recipient, 'id')
      if (id !== undefined && people.size < MAX_PEOPLE)
        people.set(id, {
          name: recipientName(recipient),
          isSelf: at(recipient, 'self') !== undefined
        })
      return undefined
    }
    if (chat !== undefined) {
      const id = idAt(chat, 'id')
      if (id !== undefined && chats.size < MAX_PEOPLE)
        chats.set(id, idAt(chat, 'recipientId') ?? '')
      return undefined
    }
    if (item === undefined) return undefined
    const words = textAt(item, 'standardMessage', 'text', 'body')
    if (words === undefined || words.trim() === '') {
      const isFile =
        listAt(item, 'standardMessage', 'attachments').length > 0 ||
        at(item, 'stickerMessage') !== undefined
      return isFile ? 'attachment' : 'service'
    }
    const chatId = idAt(item, 'chatId')
    const authorId = idAt(item, 'authorId')
    const sentAtMs = timeAt(item, 1, 'dateSent')
    if (chatId === undefined || authorId === undefined || sentAtMs === undefined)
      return 'unreadable'
    const isOutgoing = at(item, 'outgoing') !== undefined
    const author = people.get(authorId) ?? { name: null, isSelf: false }
    add(
      { key: chatId, title: people.get(chats.get(chatId) ?? '')?.name ?? '' },
      { ...author, isSelf: author.isSelf || isOutgoing, key: authorId },
      words,
      sentAtMs
    )
    return undefined
  }

  function takeNote(note: unknown): SkipReason | undefined {
    const sender = textAt(note, 'sender') ?? ''
    const words = textAt(note, 'body') ?? ''
    const sentAtMs = isoTimeMs(components, textAt(note, 'date') ?? '')
    if (at(note, 'deleted') === true || at(note, 'call') === true) return 'service'
    if (words.trim() === '')
      return listAt(note, 'attachments').length > 0 || isMap(at(note, 'sticker'))
        ? 'attachment'
        : 'service'
    if (sentAtMs === undefined || sender === '') return 'unreadable'
    const isSelf = sender === ME
    add(
      { key: '', title },
      { key: sender, name: isSelf ? null : sender, isSelf },
      words.trimEnd(),
      sentAtMs
    )
    return undefined
  }

  function takeRow(row: unknown): SkipReason | undefined {
    const type = textAt(row, 'type')
    if (type !== 'incoming' && type !== 'outgoing') return 'service'
    const words = textAt(row, 'body') ?? ''
    if (words.trim() === '')
      return isMap(at(row, 'sticker')) ||
        listAt(row, 'attachments').length > 0 ||
        at(row, 'hasAttachments') === 1 ||
        at(row, 'hasAttachments') === true
        ? 'attachment'
        : 'service'
    const sentAtMs = timeAt(row, 1, 'sent_at') ?? timeAt(row, 1, 'timestamp')
    if (sentAtMs === undefined) return 'unreadable'
    const key = idAt(row, 'conversationId') ?? ''
    const isSelf = type === 'outgoing'
    const source =
      idAt(row, 'source') ?? idAt(row, 'sourceServiceId') ?? idAt(row, 'sourceUuid') ?? null
    add(
      { key, title: textAt(row, 'conversationName') ?? title },
      { key: isSelf ? '' : (source ?? '?'), name: isSelf ? null : source, isSelf },
      words.trimEnd(),
      sentAtMs
    )
    return undefined
  }

  return {
    take(item, place) {
      const reason = isFrame(item)
        ? takeFrame(item)
        : isRow(item)
          ? takeRow(item)
          : isNote(item)
            ? takeNote(item)
            : isMap(item)
              ? undefined
              : 'unreadable'
      if (reason !== undefined) transcripts.skip(reason, place)
    }
  }
}

/** A line of `data.json` of signal-export. */
function isNote(item: unknown): boolean {
  return (
    textAt(item, 'date') !== undefined &&
    textAt(item, 'sender') !== undefined &&
    at(item, 'body') !== undefined
  )
}

/** A row of the table of messages, as sigtop and others write it. */
function isRow(item: unknown): boolean {
  return (
    (at(item, 'sent_at') !== undefined || at(item, 'timestamp') !== undefined) &&
    textAt(item, 'type') !== undefined &&
    at(item, 'body') !== undefined
  )
}

/** A line of Signal's own export: one of the frames of its backup as JSON. */
function isFrame(item: unknown): boolean {
  return ['account', 'recipient', 'chat', 'chatItem'].some((name) => isMap(at(item, name)))
}

function isBackupInfo(item: unknown): boolean {
  return idAt(item, 'version') !== undefined && idAt(item, 'backupTimeMs') !== undefined
}

function recipientName(recipient: unknown): string | null {
  const contact = at(recipient, 'contact')
  const given = textAt(contact, 'systemGivenName') ?? textAt(contact, 'profileGivenName')
  const family = textAt(contact, 'systemFamilyName') ?? textAt(contact, 'profileFamilyName')
  const name = [given, family].filter((part) => part !== undefined && part !== '').join(' ')
  if (name !== '') return name
  return textAt(recipient, 'group', 'snapshot', 'title', 'title') ?? idAt(contact, 'e164') ?? null
}
