import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_ARCHIVE_CONVERSATIONS, MAX_ARCHIVE_DEPTH, MAX_TEXT_BYTES } from '#protocol/limits.ts'
import {
  ELEMENT_ROOM,
  linesOf,
  parsed,
  readWhole,
  SIGNAL_FRAMES,
  SIGNAL_NOTES,
  SIGNAL_ROWS,
  TELEGRAM_ACCOUNT,
  TELEGRAM_CHAT,
  WHATSAPP_AMERICAN,
  WHATSAPP_ANDROID,
  WHATSAPP_GERMAN,
  WHATSAPP_IOS_FRENCH
} from '#tests/support/archive-fixtures.ts'

describe('a WhatsApp export', () => {
  it('gives its messages with all their lines, and says what it left out', () => {
    const archive = parsed(WHATSAPP_ANDROID, 'WhatsApp Chat with Harbour.txt')
    expect(archive.format).toBe('whatsapp')
    expect(archive.transcripts[0]?.title).toBe('Harbour')
    expect(linesOf(archive)).toEqual([
      'Alice @ 2023-12-31T21:41:00: Happy new year!\nWith a second line: and a colon\n\nand a fourth',
      'Bob @ 2023-12-31T21:43:00: Fireworks',
      'Alice @ 2024-01-01T00:00:00: ⚓ done'
    ])
    expect(archive.skipped.counts).toEqual({ service: 2, attachment: 1, unreadable: 0 })
  })

  it('of an iPhone is read through its invisible marks, and a quoted first line stays in its message', () => {
    const archive = parsed(WHATSAPP_IOS_FRENCH)
    expect(linesOf(archive)).toEqual([
      'Bob @ 2024-02-13T07:07:11: Bonjour',
      'Carol @ 2024-02-13T07:07:12: 03/02/24, 07:07 - ceci est cité'
    ])
    expect(archive.skipped.counts).toEqual({ service: 1, attachment: 1, unreadable: 0 })
  })

  it('has the month first when only that fits, and the day first where points stand', () => {
    expect(linesOf(parsed(WHATSAPP_AMERICAN))).toEqual([
      'Alice @ 2024-02-03T21:41:00: one',
      'Bob @ 2024-02-04T00:00:00: two',
      'Bob @ 2024-02-13T12:30:00: three'
    ])
    expect(linesOf(parsed(WHATSAPP_GERMAN))[1]).toBe('Bob @ 2024-02-04T08:00:00: zwei')
  })

  it('takes of two orders that fit the one in which time does not run back', () => {
    const dates = ['1/2/24', '2/2/24', '3/2/24', '1/3/24']
    const text = dates.map((date) => `${date}, 10:00 - Alice: x`).join('\n')
    expect(linesOf(parsed(text)).at(-1)).toBe('Alice @ 2024-03-01T10:00:00: x')
    const american = ['1/1/24', '1/2/24', '1/3/24', '2/1/24']
      .map((date) => `${date}, 10:00 - Alice: x`)
      .join('\n')
    expect(linesOf(parsed(american)).at(-1)).toBe('Alice @ 2024-02-01T10:00:00: x')
  })

  it('may write the year first, or a word between date and time', () => {
    expect(linesOf(parsed('2024-02-03, 10:00 - Alice: x'))).toEqual([
      'Alice @ 2024-02-03T10:00:00: x'
    ])
    expect(linesOf(parsed('03/02/2024 à 10:00 - Alice: x'))).toEqual([
      'Alice @ 2024-02-03T10:00:00: x'
    ])
  })
})

describe('a Telegram export', () => {
  it('of one chat gives its texts, also those in parts', () => {
    const archive = parsed(TELEGRAM_CHAT)
    expect(archive.format).toBe('telegram')
    expect(linesOf(archive)).toEqual([
      'Bob @ 2024-02-03T10:00:01: Hello "you"',
      'Alice @ 2024-02-03T10:00:02: See https://example.org!',
      '? @ 2024-02-03T10:00:04: gone'
    ])
    expect(archive.skipped).toEqual({
      counts: { service: 1, attachment: 1, unreadable: 1 },
      firstUnreadable: { kind: 'path', path: 'messages[4]' }
    })
  })

  it('of an account gives a conversation a chat, and knows who the user is', () => {
    const archive = parsed(TELEGRAM_ACCOUNT)
    expect(archive.transcripts.map(({ title }) => title)).toEqual(['Bob'])
    expect(linesOf(archive)[0]).toBe('Alice(self) @ 2024-02-03T10:00:01: mine')
  })
})

describe('an Element export', () => {
  it('gives texts as their authors last edited them, and nobody edits for others', () => {
    const archive = parsed(ELEMENT_ROOM)
    expect(archive).toMatchObject({ format: 'element', claimedBy: 'Bob' })
    expect(archive.transcripts[0]?.title).toBe('Harbour')
    expect(linesOf(archive)).toEqual([
      'Alice @ 2024-02-03T10:00:00: first',
      '@bob:example.org @ 2024-02-03T10:00:07: <b>bold?</b>'
    ])
    expect(archive.skipped.counts).toEqual({ service: 5, attachment: 1, unreadable: 1 })
  })
})

describe('a Signal export', () => {
  it('of signal-export gives a conversation of one line a message', () => {
    const archive = parsed(SIGNAL_NOTES)
    expect(archive.format).toBe('signal')
    expect(linesOf(archive)).toEqual([
      '(self) @ 2024-02-03T10:00:00: Hello',
      'Bob @ 2024-02-03T10:00:01: Hi'
    ])
    expect(archive.skipped.counts).toEqual({ service: 1, attachment: 1, unreadable: 0 })
  })

  it('of Signal itself finds names and chats of its frames', () => {
    const archive = parsed(SIGNAL_FRAMES)
    expect(archive.transcripts[0]?.title).toBe('Bob Boatman')
    expect(linesOf(archive)).toEqual([
      '(self) @ 2024-02-03T10:00:00: out',
      'Bob Boatman @ 2024-02-03T10:00:01: in'
    ])
    expect(archive.skipped.counts).toEqual({ service: 1, attachment: 1, unreadable: 0 })
  })

  it('may be rows of its database', () => {
    expect(linesOf(parsed(SIGNAL_ROWS))).toEqual([
      '(self) @ 2024-02-03T10:00:00: out',
      '+15550100 @ 2024-02-03T10:00:01: in'
    ])
  })
})

describe('a file that cannot be taken', () => {
  const refusalOf = (text: string): unknown => {
    const reading = readWhole(text)
    return reading.kind === 'refused' ? [reading.code, reading.place] : reading.kind
  }

  it('is refused with what is wrong and where', () => {
    expect(refusalOf('')).toEqual(['archive-unknown', null])
    expect(refusalOf('Dear diary,\n1. buy milk')).toEqual(['archive-unknown', null])
    expect(refusalOf('{"a":1}')).toEqual(['archive-unknown', null])
    const cut = TELEGRAM_ACCOUNT.slice(0, -30)
    expect(refusalOf(cut)).toEqual([
      'archive-malformed',
      { kind: 'line', line: cut.split('\n').length }
    ])
    expect(refusalOf(TELEGRAM_CHAT.replace('"id":2,', '"id":2,,'))).toEqual([
      'archive-malformed',
      { kind: 'path', path: 'messages[1]' }
    ])
    expect(refusalOf(SIGNAL_NOTES.replace('"Hi"', 'Hi'))).toEqual([
      'archive-malformed',
      { kind: 'line', line: 2 }
    ])
    expect(refusalOf('31/12/2023, 21:40 - Messages are encrypted')).toEqual(['archive-empty', null])
    expect(refusalOf('{"format":"deaddrop-export","version":2,"conversations":[]}')).toEqual([
      'data-newer',
      null
    ])
  })

  it('has bounds: nesting and conversations', () => {
    const deep = `{"messages":[${'['.repeat(MAX_ARCHIVE_DEPTH)}`
    expect(refusalOf(deep)).toEqual(['archive-malformed', { kind: 'line', line: 1 }])
    const rows = Array.from({ length: MAX_ARCHIVE_CONVERSATIONS + 1 }, (_, index) => ({
      conversationId: `c${index}`,
      type: 'outgoing',
      body: 'x',
      sent_at: 1
    }))
    expect(refusalOf(JSON.stringify(rows))).toEqual(['archive-too-large', null])
  })

  it('never throws, whatever the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(['archive', 'refused']).toContain(readWhole(text).kind)
      })
    )
  })
})

it('a text that is too long for one message becomes several, and nothing of it is lost', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 3_000, maxLength: 6_000 }), (words) => {
      const text = `a${words}`.repeat(3)
      const [transcript] = parsed(
        JSON.stringify([{ type: 'outgoing', body: text, sent_at: 1 }])
      ).transcripts
      const parts = transcript?.messages.map((message) => message.text) ?? []
      expect(parts.join('')).toBe(text.toWellFormed().trimEnd())
      for (const part of parts)
        expect(new TextEncoder().encode(part).byteLength).toBeLessThanOrEqual(MAX_TEXT_BYTES)
    }),
    { numRuns: 20 }
  )
})
