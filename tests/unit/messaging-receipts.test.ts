import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '#protocol/cbor.ts'
import { MAX_RECEIPT_IDS } from '#protocol/limits.ts'
import { encodeContent } from '#messaging/message-codec.ts'
import type { Content } from '#messaging/message-codec.ts'
import type { DueReceipt } from '#messaging/receipt-batch.ts'
import { RECEIPT_DELAY_MS, planReceipts } from '#messaging/receipt-batch.ts'
import { receiveEntry } from '#messaging/receive-entry.ts'
import {
  alice,
  alicesPhone,
  bob,
  hashOf,
  idOf,
  plainOf
} from '#tests/support/conversation-fixtures.ts'

const entry = { time: 4, hash: hashOf('e') }
const init = { ownUserId: alice.userId, nowMs: 900 }
const text: Content = { kind: 'text', id: idOf(1), sentAtMs: 5, text: 'Hello' }
const send = { sendReadReceipts: true }
const due = (number: number, state: 'delivered' | 'read', sinceMs: number): DueReceipt => ({
  id: idOf(number),
  state,
  sinceMs
})

function receive(content: Content, author = bob): ReturnType<typeof receiveEntry> {
  return receiveEntry(entry, { kind: 'opened', plain: encodeContent(content), author }, init)
}

describe('receiving an entry', () => {
  it('makes a message of a text, and owes its author a receipt', () => {
    expect(receive(text)).toEqual({
      kind: 'accepted',
      author: bob,
      facts: [
        {
          kind: 'message-opened',
          id: idOf(1),
          author: bob,
          text: 'Hello',
          sentAtMs: 5,
          order: entry
        }
      ],
      due: [{ id: idOf(1), state: 'delivered', sinceMs: 900 }],
      profile: null,
      unknown: null
    })
  })

  it('owes no receipt for texts of the own user, for receipts, names and what it cannot read', () => {
    const unknown = plainOf(encodeCanonical(['x', 1, {}]))
    const others: readonly Content[] = [
      { kind: 'receipt', delivered: [idOf(1)], read: [idOf(2)], atMs: 3 },
      { kind: 'profile', name: 'Bob' },
      { kind: 'unknown', type: 'x', version: 1, bytes: unknown }
    ]
    for (const received of [
      receive(text, alicesPhone),
      ...others.map((content) => receive(content))
    ]) {
      expect(received).toMatchObject({ kind: 'accepted', due: [] })
    }
  })

  it('makes one fact of each list of a receipt, in the name of the device that sealed it', () => {
    expect(
      receive({ kind: 'receipt', delivered: [idOf(1)], read: [idOf(2)], atMs: 3 })
    ).toMatchObject({
      facts: [
        { kind: 'delivery-receipt', by: bob, ids: [idOf(1)], state: 'delivered', atMs: 3 },
        { kind: 'delivery-receipt', by: bob, ids: [idOf(2)], state: 'read', atMs: 3 }
      ]
    })
  })

  it('passes on what waits and what is rejected, and rejects what a member sealed wrongly', () => {
    expect(receiveEntry(entry, { kind: 'waiting', reason: 'epoch' }, init).kind).toBe('waiting')
    expect(receiveEntry(entry, { kind: 'rejected', reason: 'tag' }, init).kind).toBe('rejected')
    const junk = plainOf(Uint8Array.of(0xff))
    expect(receiveEntry(entry, { kind: 'opened', plain: junk, author: bob }, init).kind).toBe(
      'rejected'
    )
  })
})

describe('batching receipts', () => {
  it('waits a moment for others to share an entry with', () => {
    const waiting = [due(1, 'delivered', 1_000)]
    expect(planReceipts(waiting, send, 1_000)).toEqual({
      receipt: null,
      settled: [],
      nextAtMs: 1_000 + RECEIPT_DELAY_MS
    })
    expect(planReceipts(waiting, send, 1_000 + RECEIPT_DELAY_MS)).toEqual({
      receipt: { kind: 'receipt', delivered: [idOf(1)], read: [], atMs: 1_000 + RECEIPT_DELAY_MS },
      settled: waiting,
      nextAtMs: null
    })
  })

  it('names a read message once', () => {
    const both = [due(1, 'delivered', 0), due(1, 'read', 1)]
    expect(planReceipts(both, send, 5_000)).toMatchObject({
      receipt: { delivered: [], read: [idOf(1)] },
      settled: both
    })
  })

  it('says nothing about reading when the user does not want it, and forgets it', () => {
    const plan = planReceipts(
      [due(1, 'delivered', 0), due(1, 'read', 1), due(2, 'read', 1)],
      { sendReadReceipts: false },
      5_000
    )
    expect(plan).toMatchObject({ receipt: { delivered: [idOf(1)], read: [] }, nextAtMs: null })
    expect(plan.settled).toHaveLength(3)
    expect(planReceipts([due(2, 'read', 1)], { sendReadReceipts: false }, 5_000)).toMatchObject({
      receipt: null,
      settled: [due(2, 'read', 1)]
    })
  })

  it('does not wait for a clock that went back', () => {
    expect(planReceipts([due(1, 'delivered', 9_000_000)], send, 1_000).receipt).not.toBeNull()
  })

  it('has nothing to do without debts', () => {
    expect(planReceipts([], send, 0)).toEqual({ receipt: null, settled: [], nextAtMs: null })
  })

  it('settles any debts in bounded receipts, each message named, none named twice in one', () => {
    const anyDue = fc.array(
      fc.record({
        id: fc.integer({ min: 0, max: 600 }).map(idOf),
        state: fc.constantFrom('delivered' as const, 'read' as const),
        sinceMs: fc.integer({ min: 0, max: 10 })
      }),
      { maxLength: 700 }
    )
    fc.assert(
      fc.property(anyDue, fc.boolean(), (debts, sendReadReceipts) => {
        let open: readonly DueReceipt[] = debts
        const named = new Set<string>()
        for (let round = 0; open.length > 0; round++) {
          expect(round).toBeLessThan(10)
          const plan = planReceipts(open, { sendReadReceipts }, 1_000_000)
          if (plan.receipt !== null) {
            const ids = [...plan.receipt.delivered, ...plan.receipt.read]
            expect(new Set(ids).size).toBe(ids.length)
            expect(ids.length).toBeLessThanOrEqual(MAX_RECEIPT_IDS)
            encodeContent(plan.receipt)
            for (const id of ids) named.add(id)
            if (!sendReadReceipts) expect(plan.receipt.read).toEqual([])
          }
          open = open.filter((debt) => !plan.settled.includes(debt))
        }
        const owed = debts
          .filter(({ state }) => sendReadReceipts || state === 'delivered')
          .map(({ id }) => id)
        expect(named).toEqual(new Set(owed))
      }),
      { numRuns: 200 }
    )
  })
})
