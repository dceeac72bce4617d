import { DeadDropError } from './errors.ts'
import { MAX_NAME_CHARACTERS } from './limits.ts'

/** Longest text that is looked at, UTF-16 units: normalising is linear in it, and a name may come from a stranger. */
const MAX_RAW_CHARACTERS = 4_096

/**
 * Characters that let a name pose as another or disturb the text around it: controls, lone surrogates, bidirectional
 * marks, overrides and isolates, zero-width spaces. Zero-width joiners stay: Persian and emoji need them.
 */
const FORBIDDEN =
  /[\p{Cc}\p{Cs}\u00AD\u061C\u180E\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu
/** `\s` without the byte order mark, which is invisible and not a gap between words. */
const GAPS = /[^\S\uFEFF]+/gu
const VISIBLE = /[^\p{Z}\p{C}\p{M}]/u

/**
 * Reads a display name as typed by the user or as received from a stranger: Unicode NFC, white space collapsed and
 * trimmed, without controls and bidirectional marks. Pure and idempotent.
 *
 * @returns 1..{@link MAX_NAME_CHARACTERS} code points, at least one of them visible.
 * @throws {DeadDropError} `name-empty` or `name-too-long`.
 */
export function readDisplayName(text: string): string {
  if (text.length > MAX_RAW_CHARACTERS) throw tooLong(text.length)
  const name = text
    .replace(GAPS, ' ')
    .replace(FORBIDDEN, '')
    .normalize('NFC')
    .replace(GAPS, ' ')
    .trim()
  if (!VISIBLE.test(name)) throw new DeadDropError('name-empty', 'name has no visible character')
  const characters = Array.from(name).length
  if (characters > MAX_NAME_CHARACTERS) throw tooLong(characters)
  return name
}

/** Whether {@link readDisplayName} would leave `text` as it is: the only form that is accepted inside a message. */
export function isDisplayName(text: string): boolean {
  try {
    return readDisplayName(text) === text
  } catch {
    return false
  }
}

function tooLong(characters: number): DeadDropError {
  return new DeadDropError(
    'name-too-long',
    `name is ${characters} characters, allowed 1..${MAX_NAME_CHARACTERS}`
  )
}
