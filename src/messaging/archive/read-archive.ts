import { MAX_ARCHIVE_CHARACTERS } from '#protocol/limits.ts'
import {
  ArchiveRefusedError,
  type ArchiveComponents,
  type ArchiveFormat,
  type ArchiveReading,
  type ParsedArchive,
  type Sliced
} from './archive.ts'
import { isDeadDrop, readDeadDrop } from './deaddrop.ts'
import { isElement, readElement } from './element.ts'
import { outlineJson } from './json-outline.ts'
import { isSignal, isSignalLines, readSignal, readSignalLines } from './signal.ts'
import { isTelegram, readTelegram } from './telegram.ts'
import { createTranscripts, nameOf } from './transcripts.ts'
import { isWhatsApp, readWhatsApp } from './whatsapp.ts'

/** `WhatsApp Chat with Bob.txt`, `Discussion WhatsApp avec Bob.txt`, `WhatsApp-Chat mit Bob.txt`. */
const CHAT_FILE =
  /^.{0,24}whatsapp.{0,12}?\s(?:with|avec|mit|con|com|met)\s(.+?)(?:\s?\(\d+\))?\.txt$/iu

/**
 * Reads what somebody brings from a messenger: recognises the format, and tells what is in it or why it cannot be taken.
 * Never throws, whatever the text is.
 *
 * @param fileName - may name the conversation where the text does not.
 */
export function* readArchive(
  components: ArchiveComponents,
  text: string,
  fileName = ''
): Sliced<ArchiveReading> {
  try {
    return { kind: 'archive', archive: yield* parse(components, text, fileName) }
  } catch (error) {
    if (error instanceof ArchiveRefusedError)
      return { kind: 'refused', code: error.code, place: error.place }
    throw error
  }
}

function* parse(
  components: ArchiveComponents,
  text: string,
  fileName: string
): Sliced<ParsedArchive> {
  if (text.length > MAX_ARCHIVE_CHARACTERS) {
    throw new ArchiveRefusedError(
      'archive-too-large',
      `archive is ${text.length} characters, allowed 1..${MAX_ARCHIVE_CHARACTERS}`
    )
  }
  const transcripts = createTranscripts()
  let format: ArchiveFormat
  let claim: Pick<ParsedArchive, 'claimedBy' | 'exportedAtMs'> = {
    claimedBy: null,
    exportedAtMs: null
  }
  if (isSignalLines(text)) {
    format = 'signal'
    yield* readSignalLines(components, text, transcripts, titleOf(fileName))
  } else if (/^\ufeff?\s*[[{]\s*["\]{}[]/u.test(text.slice(0, 256)) && !isWhatsApp(text)) {
    const outline = yield* outlineJson(text.replace(/^\ufeff/, ' '))
    if (isDeadDrop(outline)) {
      format = 'deaddrop'
      claim = yield* readDeadDrop(text, outline, transcripts)
    } else if (isElement(outline)) {
      format = 'element'
      claim = { claimedBy: yield* readElement(text, outline, transcripts), exportedAtMs: null }
    } else if (isTelegram(outline)) {
      format = 'telegram'
      yield* readTelegram(components, text, outline, transcripts)
    } else if (isSignal(text, outline)) {
      format = 'signal'
      yield* readSignal(components, text, outline, transcripts, titleOf(fileName))
    } else {
      throw new ArchiveRefusedError('archive-unknown', 'archive is JSON of no known export')
    }
  } else if (isWhatsApp(text)) {
    format = 'whatsapp'
    yield* readWhatsApp(components, text, transcripts, titleOf(fileName))
  } else {
    throw new ArchiveRefusedError('archive-unknown', 'archive is no known export')
  }
  const claimedBy = claim.claimedBy === null ? null : (nameOf(claim.claimedBy) ?? null)
  return { format, ...claim, claimedBy, ...transcripts.finish() }
}

function titleOf(fileName: string): string {
  return CHAT_FILE.exec(fileName.slice(0, 256))?.[1] ?? ''
}
