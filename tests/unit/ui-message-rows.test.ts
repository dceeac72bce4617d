import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MessageView } from '#client/client.ts'
import { layOutMessages } from '#ui/message-rows.ts'

const DAY_MS = 86_400_000
const startOfDay = (ms: number) => Math.floor(ms / DAY_MS) * DAY_MS

function message(id: string, author: 'alice' | 'bob', sentAtMs: number): MessageView {
  return {
    id,
    author: { userId: author, name: author },
    isOwn: author === 'alice',
    text: id,
    sentAtMs,
    isClockAhead: false,
    status: null,
    trail: null
  }
}

const messages = fc
  .array(
    fc.record({
      author: fc.constantFrom('alice' as const, 'bob' as const),
      sentAtMs: fc.nat(5 * DAY_MS)
    }),
    { maxLength: 40 }
  )
  .map((all) => all.map(({ author, sentAtMs }, index) => message(`m${index}`, author, sentAtMs)))

describe('laying out messages', () => {
  it('every message has exactly one row, in order, and keys are unique', () => {
    fc.assert(
      fc.property(messages, fc.boolean(), (all, isComplete) => {
        const rows = layOutMessages(all, { firstUnread: 'm3', isComplete, startOfDay })
        expect(rows.flatMap((row) => (row.kind === 'message' ? [row.message] : []))).toEqual(all)
        expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length)
      })
    )
  })

  it('a run is one author within a day and without a pause; the unread mark ends it', () => {
    const all = [
      message('a', 'alice', 0),
      message('b', 'alice', 1_000),
      message('c', 'bob', 2_000),
      message('d', 'bob', 3_000),
      message('e', 'bob', 3_000 + 6 * 60_000),
      message('f', 'bob', DAY_MS)
    ]
    const rows = layOutMessages(all, { firstUnread: 'd', isComplete: true, startOfDay })
    expect(
      rows.map((row) =>
        row.kind === 'message'
          ? `${row.isFirst ? '[' : ''}${row.key}${row.isLast ? ']' : ''}`
          : row.kind
      )
    ).toEqual(['start', 'day', '[a', 'b]', '[c]', 'unread', '[d]', '[e]', 'day', '[f]'])
  })

  it('the rows at the end keep their place from the end while older ones are added', () => {
    fc.assert(
      fc.property(
        messages.filter((all) => all.length > 1),
        fc.nat(),
        (all, cut) => {
          const from = 1 + (cut % (all.length - 1))
          const newer = layOutMessages(all.slice(from), {
            firstUnread: null,
            isComplete: false,
            startOfDay
          })
          const whole = layOutMessages(all, { firstUnread: null, isComplete: false, startOfDay })
          const keys = (rows: typeof whole) => rows.slice(-newer.length + 1).map((row) => row.key)
          if (newer.length > 1) expect(keys(whole)).toEqual(keys(newer))
        }
      )
    )
  })
})
