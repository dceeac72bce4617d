import { DeadDropError } from '#protocol/errors.ts'
import { MAX_NAME_CHARACTERS } from '#protocol/limits.ts'

// Controls, line breaks and the marks that turn the writing direction around: a name made of them can imitate another one.
const FORBIDDEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}]/u

/**
 * Brings a display name into the one form in which it is stored and sent: NFC, without controls and marks of writing
 * direction, runs of white space as one space, none at the ends.
 *
 * @throws {DeadDropError} `name-empty` when nothing visible is left, `name-too-long` over {@link MAX_NAME_CHARACTERS}.
 */
export function normaliseName(raw: string): string {
  // Whatever is taken out can bring together what then has to become one: spaces, a letter and its accent.
  const name = raw
    .toWellFormed()
    .replace(/\s/gu, ' ')
    .replace(FORBIDDEN, '')
    .replace(/ +/gu, ' ')
    .trim()
    .normalize('NFC')
  if (!VISIBLE.test(name)) throw new DeadDropError('name-empty', 'name has no visible character')
  const length = Array.from(name).length
  if (length > MAX_NAME_CHARACTERS) {
    throw new DeadDropError(
      'name-too-long',
      `name is ${length} characters, allowed 1..${MAX_NAME_CHARACTERS}`
    )
  }
  return name
}

/** Whether {@link normaliseName} would leave `name` as it is: the only form that is accepted from a peer. */
export function isNormalName(name: string): boolean {
  // A code point takes at most two UTF-16 units: bounds the work that a peer can ask for.
  if (name.length > 2 * MAX_NAME_CHARACTERS) return false
  try {
    return normaliseName(name) === name
  } catch {
    return false
  }
}
