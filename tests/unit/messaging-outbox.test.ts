import { describe, expect, it } from 'vitest'
import type { LogAddress } from '#protocol/brand.ts'
import { PIN_REFUSALS } from '#protocol/pin-messages.ts'
import type { SealedEntry } from '#replica/sealed-log.ts'
import type { HoldTask, OutboxItem } from '#messaging/outbox.ts'
import {
  FIRST_RETRY_DELAY_MS,
  MAX_RENEWAL_DELAY_MS,
  MAX_RETRY_DELAY_MS,
  REFUSED_RETRY_DELAY_MS,
  askFailed,
  askRefused,
  createAppendMatcher,
  dueNow,
  dueTasks,
  heldBy,
  inAppendOrder,
  nextDueAtMs,
  nextSequence,
  retryDelayMs,
  wantHeld
} from '#messaging/outbox.ts'
import {
  conversation,
  hashOf,
  idOf,
  logOf,
  sealedOf
} from '#tests/support/conversation-fixtures.ts'

const log = logOf('A')

function item(number: number, sequence: number, init: Partial<OutboxItem> = {}): OutboxItem {
  return {
    id: idOf(number),
    conversation,
    kind: 'text',
    sequence,
    sealed: sealedOf(new Uint8Array(256).fill(number)),
    ...init
  }
}

function entry(arrival: number, sealed: Uint8Array, inLog: LogAddress = log): SealedEntry {
  return {
    log: inLog,
    hash: hashOf(`e${arrival}`),
    writer: 'aa'.repeat(32),
    time: arrival,
    arrival,
    sealed: sealedOf(sealed)
  }
}

describe('outbox', () => {
  it('numbers grow when the clock stands still or goes back', () => {
    expect([nextSequence(0, 1_000), nextSequence(1_000, 1_000), nextSequence(1_001, 5)]).toEqual([
      1_000, 1_001, 1_002
    ])
  })

  it('finds out after a crash what is in the log, each item once', () => {
    const matcher = createAppendMatcher([item(3, 30), item(1, 10), item(2, 20)])
    expect(matcher.match(entry(6, new Uint8Array(256).fill(9)))).toBeUndefined()
    expect(matcher.match(entry(7, item(2, 20).sealed))?.id).toBe(idOf(2))
    expect(matcher.match(entry(8, item(2, 20).sealed))).toBeUndefined()
  })

  it('appends in the order of writing', () => {
    const items = inAppendOrder([item(3, 30), item(1, 10), item(2, 20)])
    expect(items.map(({ id }) => id)).toEqual([idOf(1), idOf(2), idOf(3)])
  })

  it('matches whole bytes, not beginnings, in whichever segment they are', () => {
    const matcher = createAppendMatcher([item(1, 1)])
    const sameStart = item(1, 1).sealed.slice()
    sameStart[200] = 0
    expect(matcher.match(entry(1, sameStart))).toBeUndefined()
    expect(matcher.match(entry(1, item(1, 1).sealed, logOf('B')))?.id).toBe(idOf(1))
    expect(matcher.match(entry(1, item(1, 1).sealed))).toBeUndefined()
  })
})

describe('asking nodes to hold', () => {
  const first = hashOf('first')
  const second = hashOf('second')
  const wish = { log, peerId: 'pim', wanted: first }
  const fresh = wantHeld(undefined, wish, 1_000)

  it('asks at once for what is new', () => {
    expect(dueTasks([fresh], 1_000, 8)).toEqual([fresh])
    const held = heldBy(fresh, { asked: first, isCovered: true, heldUntilMs: 100_000 }, 2_000, 0)
    expect(dueTasks([held], 2_000, 8)).toEqual([])
    expect(dueTasks([wantHeld(held, { ...wish, wanted: second }, 3_000)], 3_000, 8)).toHaveLength(1)
    expect(wantHeld(held, wish, 3_000)).toBe(held)
  })

  it('asks again at once when something was written while the node answered', () => {
    const moved = wantHeld(fresh, { ...wish, wanted: second }, 1_500)
    const held = heldBy(moved, { asked: first, isCovered: true, heldUntilMs: 100_000 }, 2_000, 0)
    expect(held).toMatchObject({ held: first, wanted: second, dueAtMs: 2_000 })
  })

  it('renews a promise half-way, at most a day ahead, and never in a busy loop', () => {
    const dueAfter = (heldUntilMs: number): number =>
      heldBy(fresh, { asked: first, isCovered: true, heldUntilMs }, 2_000, 0).dueAtMs - 2_000
    expect(dueAfter(102_000)).toBe(50_000)
    expect(dueAfter(2_000 + 10 * MAX_RENEWAL_DELAY_MS)).toBe(MAX_RENEWAL_DELAY_MS)
    expect(dueAfter(0)).toBe(FIRST_RETRY_DELAY_MS)
  })

  it('takes a receipt that does not cover the entry for a failure', () => {
    const task = heldBy(fresh, { asked: first, isCovered: false, heldUntilMs: 100_000 }, 2_000, 1)
    expect(task).toMatchObject({ held: null, failures: 1, dueAtMs: 2_000 + FIRST_RETRY_DELAY_MS })
  })

  it('backs off from a node that is down, without end and with a ceiling, and never gives up', () => {
    let task: HoldTask = fresh
    const delays: number[] = []
    for (let round = 0; round < 40; round++) {
      const now = task.dueAtMs
      task = askFailed(task, now, 1)
      delays.push(task.dueAtMs - now)
    }
    expect(delays.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000])
    expect(delays.at(-1)).toBe(MAX_RETRY_DELAY_MS)
    expect([retryDelayMs(1, 0), retryDelayMs(1, 1)]).toEqual([500, 1_000])
    expect(wantHeld(task, { ...wish, wanted: second }, 0).dueAtMs).toBe(task.dueAtMs)
    expect(dueNow(task, 5)).toMatchObject({ failures: 0, dueAtMs: 5 })
  })

  it('asks rarely where a refusal does not pass soon, and still asks', () => {
    for (const status of PIN_REFUSALS) {
      const { dueAtMs, failures } = askRefused(fresh, status, 0, 1)
      expect(failures).toBe(1)
      expect([FIRST_RETRY_DELAY_MS, REFUSED_RETRY_DELAY_MS]).toContain(dueAtMs)
    }
    expect(askRefused(fresh, 'busy', 0, 1).dueAtMs).toBe(FIRST_RETRY_DELAY_MS)
    expect(askRefused(fresh, 'over-quota', 0, 1).dueAtMs).toBe(REFUSED_RETRY_DELAY_MS)
  })

  it('leaves what is held alone when the network comes back', () => {
    const held = heldBy(fresh, { asked: first, isCovered: true, heldUntilMs: 100_000 }, 2_000, 0)
    expect(dueNow(held, 3_000)).toBe(held)
  })

  it('asks a bounded number at a time, the longest due first', () => {
    const tasks = [30, 10, 20].map((dueAtMs) => ({ ...fresh, peerId: `p${dueAtMs}`, dueAtMs }))
    expect(dueTasks(tasks, 25, 8).map(({ peerId }) => peerId)).toEqual(['p10', 'p20'])
    expect(dueTasks(tasks, 99, 2).map(({ peerId }) => peerId)).toEqual(['p10', 'p20'])
    expect(nextDueAtMs(tasks)).toBe(10)
    expect(nextDueAtMs([])).toBeNull()
  })
})
