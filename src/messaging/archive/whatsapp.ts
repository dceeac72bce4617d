import type { ArchiveComponents, Sliced } from './archive.ts'
import { localTimeMs } from './local-time.ts'
import { nameOf, type Transcripts } from './transcripts.ts'

/**
 * The first line of a message in a WhatsApp text export. Android writes `31/12/23, 21:41 - Name: text`, iOS
 * `[31.12.23, 21:41:05] Name: text`; order and separators of the date, words and marks between date and time follow the
 * language of the phone.
 */
const FIRST_LINE =
  /^[\u200e\u200f\u202a-\u202e\ufeff]*(\[)?(\d{1,4})([./-])(\d{1,2})\3(\d{1,4})\.?,?(?:\s(?:à|at|um|om|kl\.|alle|às))?\s(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\s?([ap])\.?\s?m\.?)?(\]|\s[-–])\s?(.*)$/isu
const MAY_BEGIN = /^[\u200e\u200f\u202a-\u202e\ufeff]*\[?\d/u
const LEADING_MARKS = /^[\u200e\u200f\u202a-\u202e]+/u
/** WhatsApp's own words stand behind this mark in exports of iOS. */
const OWN_WORDS = /^\u200e/u
/** What stands for a file: `<Media omitted>` and its translations, `image omitted`, `<attached: …>`. */
const FILE_WORDS =
  /^<[^<>]{1,40}(?:omitted|omis|omessi|omitido|omitidos|ocultado|oculto|ausgeschlossen|weggelaten)[^<>]{0,20}>$|\b(?:omitted|omis|omise|omesso|omessa|omitido|omitida|ocultada|weggelassen|weggelaten)$|^<[^<>:]{2,20}:\s[^<>]{1,200}>$/iu
const NAMED_FILE =
  /^\u200e?.{1,200}\.\w{2,5}\s\((?:file attached|fichier joint|datei angehängt|archivo adjunto|arquivo anexado|file allegato|bestand bijgevoegd)\)$/iu
const EDIT_MARK =
  /\s?\u200e?<[^<>]{0,30}(?:edited|modifié|bearbeitet|editó|editada|modificato|bewerkt)[^<>]{0,30}>$/iu
const UNSAVED_NAME = /^~\s?/u
const MAX_NAME_AT = 128
const FIRST_LINE_CHARACTERS = 70_000
const SLICE_LINES = 100
const DETECTION_LINES = 20
/** Messages that decide between two orders of the date: one slice of work. */
const ORDER_SAMPLE = 20_000

type DateOrder = 'dmy' | 'mdy' | 'ymd'

interface Head {
  readonly isBracketed: boolean
  readonly separator: string
  /** The three parts of the date as written. */
  readonly parts: readonly [string, string, string]
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly half: 'a' | 'p' | null
  /** Position of what follows the time. */
  readonly restAt: number
  readonly line: number
  readonly lineAt: number
  readonly lineEnd: number
}

/** Whether a text begins as a WhatsApp export does. */
export function isWhatsApp(text: string): boolean {
  return text
    .slice(0, 8_192)
    .split('\n', DETECTION_LINES)
    .some((line) => headOf(line, 0, line.length, 1) !== undefined)
}

/**
 * Reads the text export of one WhatsApp conversation. Its times name no zone and its dates no order: the order is the one
 * that fits the whole file, and of two that fit the one in which time runs back less often.
 *
 * @param title - of the conversation, from the name of the file.
 */
export function* readWhatsApp(
  components: ArchiveComponents,
  text: string,
  transcripts: Transcripts,
  title: string
): Sliced<void> {
  const heads: Head[] = []
  let line = 0
  for (let start = 0; start < text.length;) {
    const end = endOfLine(text, start)
    line++
    const head = headOf(text, start, end, line)
    if (head !== undefined) heads.push(head)
    start = end + 1
    if (line % SLICE_LINES === 0) yield Math.floor(start / 2)
  }
  const order = orderOf(heads)
  const [first] = heads
  if (first !== undefined && text.slice(0, first.lineAt).trim() !== '')
    transcripts.skip('unreadable', { kind: 'line', line: 1 })
  const writer = transcripts.open('')
  writer.setTitle(title)

  let index = 0
  while (index < heads.length) {
    const head = heads[index]
    if (head === undefined) break
    index++
    const place = { kind: 'line', line: head.line } as const
    const sentAtMs = timeOf(components, head, order)
    // What looks like a first line and has no such date is quoted: it belongs to the message above it.
    while (index < heads.length) {
      const next = heads[index]
      if (next === undefined || next.isBracketed === first?.isBracketed) {
        if (next === undefined || timeOf(components, next, order) !== undefined) break
      }
      index++
    }
    const body = text.slice(head.restAt, heads[index]?.lineAt ?? text.length)
    if (sentAtMs === undefined) transcripts.skip('unreadable', place)
    else {
      const message = messageOf(body)
      if (message.kind !== 'text') transcripts.skip(message.kind, place)
      else {
        writer.participant(message.author, message.author, false)
        writer.add(message.author, message.text, sentAtMs)
      }
    }
    if (index % SLICE_LINES === 0) yield Math.floor((text.length + head.lineEnd) / 2)
  }
}

type Body =
  | { readonly kind: 'service' }
  | { readonly kind: 'attachment' }
  | { readonly kind: 'text'; readonly author: string; readonly text: string }

function messageOf(body: string): Body {
  const plain = body.replaceAll('\r\n', '\n').replace(LEADING_MARKS, '')
  const colon = plain.slice(0, MAX_NAME_AT).indexOf(':')
  const after = plain.charAt(colon + 1)
  if (colon < 1 || !(after === ' ' || after === '\n' || after === '')) return { kind: 'service' }
  const author = plain.slice(0, colon).replace(LEADING_MARKS, '').replace(UNSAVED_NAME, '')
  if (author.includes('\n') || nameOf(author) === undefined) return { kind: 'service' }
  const said = plain
    .slice(colon + 1)
    .replace(/^ /u, '')
    .trimEnd()
    .replace(EDIT_MARK, '')
    .trimEnd()
  const [firstLine = '', ...more] = said.split('\n')
  const caption = more.join('\n').trim()
  const words = firstLine.replace(LEADING_MARKS, '')
  if (isFile(words) || NAMED_FILE.test(firstLine))
    return caption === '' ? { kind: 'attachment' } : { kind: 'text', author, text: caption }
  if (OWN_WORDS.test(said)) return { kind: 'service' }
  return said === '' ? { kind: 'attachment' } : { kind: 'text', author, text: said }
}

function isFile(words: string): boolean {
  return words.length <= 300 && words.split(' ').length <= 6 && FILE_WORDS.test(words)
}

function headOf(text: string, start: number, end: number, line: number): Head | undefined {
  if (!MAY_BEGIN.test(text.slice(start, Math.min(end, start + 12)))) return undefined
  const whole = text.slice(start, Math.min(end, start + FIRST_LINE_CHARACTERS))
  const match = FIRST_LINE.exec(whole)
  if (match === null) return undefined
  const [
    ,
    bracket,
    a = '',
    separator = '',
    b = '',
    c = '',
    hour,
    minute,
    second,
    half,
    closing,
    rest = ''
  ] = match
  const isBracketed = bracket !== undefined
  if (isBracketed !== (closing === ']')) return undefined
  return {
    isBracketed,
    separator,
    parts: [a, b, c],
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second ?? 0),
    half: half === undefined ? null : half.toLowerCase() === 'a' ? 'a' : 'p',
    restAt: start + whole.length - rest.length,
    line,
    lineAt: start,
    lineEnd: end
  }
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end === -1 ? text.length : end
}

/** The order of day, month and year that the dates of one file are written in. */
function orderOf(heads: readonly Head[]): DateOrder {
  const [first] = heads
  if (first === undefined || first.parts[0].length === 4) return 'ymd'
  const isDayFirst = heads.filter(({ parts }) => Number(parts[0]) > 12).length
  const isMonthFirst = heads.filter(({ parts }) => Number(parts[1]) > 12).length
  if (isDayFirst !== isMonthFirst) return isDayFirst > isMonthFirst ? 'dmy' : 'mdy'
  const sample = heads.slice(0, ORDER_SAMPLE)
  const dayFirstSteps = backwardSteps(sample, 'dmy')
  const monthFirstSteps = backwardSteps(sample, 'mdy')
  if (dayFirstSteps !== monthFirstSteps) return dayFirstSteps < monthFirstSteps ? 'dmy' : 'mdy'
  return first.separator === '/' && first.half !== null ? 'mdy' : 'dmy'
}

function backwardSteps(heads: readonly Head[], order: DateOrder): number {
  let steps = 0
  let last = 0
  for (const { parts } of heads) {
    const { year, month, day } = dateOf(parts, order)
    const place = (year * 100 + month) * 100 + day
    if (place < last) steps++
    last = place
  }
  return steps
}

function dateOf(
  [a, b, c]: Head['parts'],
  order: DateOrder
): { readonly year: number; readonly month: number; readonly day: number } {
  switch (order) {
    case 'ymd':
      return { year: yearOf(a), month: Number(b), day: Number(c) }
    case 'dmy':
      return { year: yearOf(c), month: Number(b), day: Number(a) }
    case 'mdy':
      return { year: yearOf(c), month: Number(a), day: Number(b) }
  }
}

function yearOf(digits: string): number {
  return digits.length <= 2 ? 2000 + Number(digits) : Number(digits)
}

function timeOf(components: ArchiveComponents, head: Head, order: DateOrder): number | undefined {
  const { half, hour, minute, second, parts } = head
  if (half !== null && (hour < 1 || hour > 12)) return undefined
  const date = dateOf(parts, order)
  if (date.year < 1970) return undefined
  const hour24 = half === null ? hour : (hour % 12) + (half === 'p' ? 12 : 0)
  return localTimeMs(components, { ...date, hour: hour24, minute, second })
}
