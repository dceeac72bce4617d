import { DeadDropError } from '#protocol/errors.ts'
import { MAX_TEXT_BYTES } from '#protocol/limits.ts'
import type { TextContent } from './message-codec.ts'
import { MESSAGE_ID_BYTES, messageIdFromBytes } from './message-id.ts'

/** What stands in the composer when the user presses Enter. */
export interface Draft {
  readonly text: string
}

export interface ComposeComponents {
  /** Wall clock, Unix ms. */
  readonly clock: { now(): number }
  /** Fresh bytes from a cryptographically secure source. */
  readonly random: (length: number) => Uint8Array
}

const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]/u
const encoder = new TextEncoder()

/**
 * Makes a message of a draft: a fresh id, the time, and the text in NFC without white space at the end. White space
 * inside and at the start stays: it may be meant (code, verse).
 *
 * @throws {DeadDropError} `text-empty` when nothing visible is in it, `text-too-long` over {@link MAX_TEXT_BYTES}.
 */
export function composeMessage(components: ComposeComponents, draft: Draft): TextContent {
  const text = draft.text.toWellFormed().normalize('NFC').trimEnd()
  if (!VISIBLE.test(text)) throw new DeadDropError('text-empty', 'text has no visible character')
  const bytes = encoder.encode(text).byteLength
  if (bytes > MAX_TEXT_BYTES) {
    throw new DeadDropError('text-too-long', `text is ${bytes} bytes, allowed 1..${MAX_TEXT_BYTES}`)
  }
  return {
    kind: 'text',
    id: messageIdFromBytes(components.random(MESSAGE_ID_BYTES)),
    sentAtMs: components.clock.now(),
    text
  }
}
