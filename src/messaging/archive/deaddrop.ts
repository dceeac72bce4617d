import { MAX_TEXT_BYTES } from '#protocol/limits.ts'
import { ArchiveRefusedError, type Sliced } from './archive.ts'
import { at, listAt, textAt, timeAt } from './json-fields.ts'
import { itemPlace, parseItem, type JsonOutline } from './json-outline.ts'
import type { Transcripts } from './transcripts.ts'

/** `format` of our own export; docs/export-format.md is its description. */
export const EXPORT_FORMAT = 'deaddrop-export'
/** Raised when older versions could not read an export rightly. */
export const EXPORT_VERSION = 1

const SLICE_ITEMS = 100
const PATH = /^conversations\[(\d+)\]\.messages$/

export function isDeadDrop({ header }: JsonOutline): boolean {
  return at(header, 'format') === EXPORT_FORMAT
}

/**
 * Reads our own export.
 *
 * @returns who exported it, and when, as the file says.
 * @throws {ArchiveRefusedError} `data-newer` when a later version wrote it.
 */
export function* readDeadDrop(
  text: string,
  { header, lists }: JsonOutline,
  transcripts: Transcripts
): Sliced<{ readonly claimedBy: string | null; readonly exportedAtMs: number | null }> {
  if (at(header, 'version') !== EXPORT_VERSION) {
    throw new ArchiveRefusedError('data-newer', `export has another version than ${EXPORT_VERSION}`)
  }
  const conversations = listAt(header, 'conversations')
  for (const list of lists) {
    const found = PATH.exec(list.path)
    if (found === null) continue
    const conversation = conversations[Number(found[1])]
    const writer = transcripts.open(list.path)
    writer.setTitle(textAt(conversation, 'title') ?? '')
    const known = new Set<string>()
    for (const participant of listAt(conversation, 'participants')) {
      const id = textAt(participant, 'id')
      if (id === undefined) continue
      known.add(id)
      writer.participant(
        id,
        textAt(participant, 'name') ?? null,
        at(participant, 'isSelf') === true
      )
    }
    for (let index = 0; index < list.spans.length / 2; index++) {
      if (index % SLICE_ITEMS === 0) yield list.spans[2 * index] ?? 0
      const item = parseItem(text, list, index)
      const author = textAt(item, 'author')
      const words = textAt(item, 'text')
      const sentAtMs = timeAt(item, 1, 'sentAt')
      if (
        author === undefined ||
        !known.has(author) ||
        sentAtMs === undefined ||
        words === undefined ||
        words === '' ||
        words.length > MAX_TEXT_BYTES
      )
        transcripts.skip('unreadable', itemPlace(list.path, index))
      else writer.add(author, words, sentAtMs)
    }
  }
  return {
    claimedBy: textAt(header, 'profile', 'name') ?? null,
    exportedAtMs: timeAt(header, 1, 'exportedAt') ?? null
  }
}
