import { describe, expect, it } from 'vitest'
import { isDeadDropError } from '#protocol/errors.ts'
import { MAX_TEXT_BYTES } from '#protocol/limits.ts'
import { composeMessage } from '#messaging/compose-message.ts'
import { decodeContent, encodeContent } from '#messaging/message-codec.ts'

const components = {
  clock: { now: () => 1_795_000_000_000 },
  random: (length: number) => new Uint8Array(length).fill(0xab)
}
const compose = (text: string): string => composeMessage(components, { text }).text

function refusal(action: () => unknown): readonly [string, string] | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (!isDeadDropError(error)) throw error
    return [error.code, error.message]
  }
}

describe('composing a message', () => {
  it('takes the id from the random source and the time from the clock', () => {
    expect(composeMessage(components, { text: 'Hello' })).toEqual({
      kind: 'text',
      id: 'ab'.repeat(16),
      sentAtMs: 1_795_000_000_000,
      text: 'Hello'
    })
  })

  it('drops white space at the end and keeps it inside and at the start', () => {
    expect(compose('  if (a)\n    b\n\n \t')).toBe('  if (a)\n    b')
  })

  it('writes one spelling for letters with accents', () => {
    expect(compose('e\u0301')).toBe('\u00e9')
  })

  it.each(['', ' \n\t', '\u00a0\u3000', '\u200b\u2060\ufeff', '\u0000'])(
    'refuses %o as empty',
    (text) => {
      expect(refusal(() => compose(text))?.[0]).toBe('text-empty')
    }
  )

  it('says how long a text is that is too long', () => {
    expect(compose('a'.repeat(MAX_TEXT_BYTES))).toHaveLength(MAX_TEXT_BYTES)
    expect(refusal(() => compose('é'.repeat(MAX_TEXT_BYTES)))).toEqual([
      'text-too-long',
      `text is ${2 * MAX_TEXT_BYTES} bytes, allowed 1..${MAX_TEXT_BYTES}`
    ])
  })

  it('makes only texts that the codec takes, also of broken surrogates', () => {
    const message = composeMessage(components, { text: 'half \ud83d of a wave' })
    expect(decodeContent(encodeContent(message))).toEqual(message)
  })
})
