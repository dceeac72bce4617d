/** A piece of a message: plain, or a link that may be followed. */
export type TextSegment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }

// Stops at space, quotes, angle brackets and every bidi control or zero-width character, which could make a link read
// otherwise than it leads.
const LINK = /\bhttps?:\/\/[^\s<>"'`\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]+/giu
const TRAILING = /[.,:;!?…»”’*_~]+$/u
const PAIRS: readonly (readonly [string, string])[] = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}']
]

/**
 * Splits a message into text and links. The texts of all segments together are the input, unchanged.
 *
 * @returns links with an `http:` or `https:` address without credentials only; anything else stays text.
 */
export function splitLinks(text: string): readonly TextSegment[] {
  const segments: TextSegment[] = []
  let from = 0
  for (const match of text.matchAll(LINK)) {
    const shown = trimLink(match[0])
    const href = hrefOf(shown)
    if (href === null) continue
    if (match.index > from) segments.push({ kind: 'text', text: text.slice(from, match.index) })
    segments.push({ kind: 'link', text: shown, href })
    from = match.index + shown.length
  }
  if (from < text.length) segments.push({ kind: 'text', text: text.slice(from) })
  return segments
}

/** Leaves punctuation of the sentence, and a closing bracket that was opened before the link, outside the link. */
function trimLink(link: string): string {
  let shown = link.replace(TRAILING, '')
  for (const [open, close] of PAIRS) {
    while (shown.endsWith(close) && count(shown, close) > count(shown, open)) {
      shown = shown.slice(0, -1).replace(TRAILING, '')
    }
  }
  return shown
}

function count(text: string, character: string): number {
  return text.split(character).length - 1
}

function hrefOf(link: string): string | null {
  const url = URL.parse(link)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  return url.username === '' && url.password === '' ? url.href : null
}
