import {
  MAX_ARCHIVE_DEPTH,
  MAX_ARCHIVE_HEADER_CHARACTERS,
  MAX_ARCHIVE_ITEM_CHARACTERS
} from '#protocol/limits.ts'
import { ArchiveRefusedError, type ArchivePlace, type Sliced } from './archive.ts'

/** The items of one list of messages: where each stands in the text. */
export interface JsonList {
  /** As `chats.list[2].messages`; empty for a list that is the whole document. */
  readonly path: string
  /** Start and end of each item, one after the other. */
  readonly spans: readonly number[]
}

/** A document without its messages: small enough to parse at once, whatever the size of the document. */
export interface JsonOutline {
  /** The document with every list of messages empty. */
  readonly header: unknown
  readonly lists: readonly JsonList[]
}

interface Level {
  readonly isList: boolean
  readonly path: string
  key: string
  index: number
}

/** Lists under this name are left in the text and read item by item; so is a document that is a list. */
const LIST_NAME = 'messages'
const SLICE_CHARACTERS = 65_536
const MAX_KEY_CHARACTERS = 64
/** A key of a document that may stand in a path, and so in an error. */
const PLAIN_KEY = /^[a-z_]{1,32}$/i

const CODE = {
  quote: 34,
  backslash: 92,
  openList: 91,
  closeList: 93,
  openMap: 123,
  closeMap: 125,
  comma: 44,
  colon: 58
} as const

/**
 * Finds the messages of a JSON document without parsing it as a whole. What is not JSON is refused here or when its part is
 * parsed: every character belongs to the header or to one item.
 *
 * @throws {ArchiveRefusedError} `archive-malformed`, `archive-too-large`
 */
export function* outlineJson(text: string): Sliced<JsonOutline> {
  const levels: Level[] = []
  const lists: { path: string; spans: number[] }[] = []
  const kept: string[] = []
  let keptFrom = 0
  let keptCharacters = 0
  let nextSlice = SLICE_CHARACTERS
  /** The list whose items are being found, and the depth of what stands directly in it. */
  let open:
    | {
        readonly list: { path: string; spans: number[] }
        readonly depth: number
        itemStart: number
      }
    | undefined

  const refuse = (at: number, what: string): ArchiveRefusedError =>
    new ArchiveRefusedError('archive-malformed', `archive is not JSON: ${what}`, {
      kind: 'line',
      line: lineOf(text, at)
    })

  function keep(end: number): void {
    keptCharacters += end - keptFrom
    if (keptCharacters > MAX_ARCHIVE_HEADER_CHARACTERS) {
      throw new ArchiveRefusedError(
        'archive-too-large',
        `archive has more than ${MAX_ARCHIVE_HEADER_CHARACTERS} characters outside of its messages`
      )
    }
    kept.push(text.slice(keptFrom, end))
  }

  function endItem(at: number, isLast: boolean): void {
    if (open === undefined) return
    const isEmptyList =
      isLast &&
      open.list.spans.length === 0 &&
      text.slice(open.itemStart, Math.min(at, open.itemStart + 1_024)).trim() === ''
    if (!isEmptyList) open.list.spans.push(open.itemStart, at)
    open.itemStart = at + 1
  }

  for (let at = 0; at < text.length; at++) {
    if (at >= nextSlice) {
      yield at
      nextSlice = at + SLICE_CHARACTERS
    }
    const level = levels.at(-1)
    switch (text.charCodeAt(at)) {
      case CODE.quote: {
        const end = endOfString(text, at)
        if (end === -1) throw refuse(at, 'a text does not end')
        if (open === undefined && level?.isList === false && end - at <= MAX_KEY_CHARACTERS)
          level.key = text.slice(at + 1, end)
        at = end
        break
      }
      case CODE.openList:
      case CODE.openMap: {
        const isList = text.charCodeAt(at) === CODE.openList
        if (levels.length >= MAX_ARCHIVE_DEPTH)
          throw refuse(at, `nesting is deeper than ${MAX_ARCHIVE_DEPTH}`)
        const path = open === undefined ? pathBelow(level) : ''
        levels.push({ isList, path, key: '', index: 0 })
        if (
          open === undefined &&
          isList &&
          (level === undefined || (!level.isList && level.key === LIST_NAME))
        ) {
          const list = { path, spans: [] }
          lists.push(list)
          keep(at + 1)
          open = { list, depth: levels.length, itemStart: at + 1 }
        }
        break
      }
      case CODE.closeList:
      case CODE.closeMap: {
        const isList = text.charCodeAt(at) === CODE.closeList
        if (level?.isList !== isList) throw refuse(at, 'a bracket has no partner')
        if (open?.depth === levels.length) {
          endItem(at, true)
          keptFrom = at
          open = undefined
        }
        levels.pop()
        break
      }
      case CODE.comma:
        if (open?.depth === levels.length) endItem(at, false)
        else if (open === undefined && level !== undefined) level.index++
        break
    }
  }
  if (levels.length > 0) throw refuse(text.length, 'it ends too early')
  keep(text.length)
  return { header: parseHeader(kept.join('')), lists }
}

/**
 * Parses one item.
 *
 * @returns `undefined` when it is too large to be a message.
 * @throws {ArchiveRefusedError} `archive-malformed` when it is not JSON.
 */
export function parseItem(text: string, { path, spans }: JsonList, index: number): unknown {
  const start = spans[2 * index] ?? 0
  const end = spans[2 * index + 1] ?? 0
  if (end - start > MAX_ARCHIVE_ITEM_CHARACTERS) return undefined
  return parseAt(text.slice(start, end), itemPlace(path, index))
}

/** @throws {ArchiveRefusedError} `archive-malformed` */
export function parseAt(json: string, place: ArchivePlace): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new ArchiveRefusedError('archive-malformed', 'archive is not JSON', place)
  }
}

export function itemPlace(path: string, index: number): ArchivePlace {
  return { kind: 'path', path: `${path}[${index}]` }
}

/** Line of a position, counted from 1. */
function lineOf(text: string, at: number): number {
  let line = 1
  for (let next = text.indexOf('\n'); next !== -1 && next < at; next = text.indexOf('\n', next + 1))
    line++
  return line
}

function parseHeader(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new ArchiveRefusedError(
      'archive-malformed',
      'archive is not JSON outside of its messages'
    )
  }
}

function pathBelow(level: Level | undefined): string {
  if (level === undefined) return ''
  if (level.isList) return `${level.path}[${level.index}]`
  const key = PLAIN_KEY.test(level.key) ? level.key : '?'
  return level.path === '' ? key : `${level.path}.${key}`
}

/** Position of the quotation mark that ends the text which begins at `start`; -1 when there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text.charCodeAt(first - 1) === CODE.backslash) first--
    if ((end - first) % 2 === 0) return end
  }
  return -1
}
