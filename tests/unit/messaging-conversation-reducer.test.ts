import { describe, expect, it } from 'vitest'
import type { Fact, MessageRecord } from '#messaging/conversation-reducer.ts'
import {
  compareRecords,
  emptyCell,
  foldFact,
  recordsOf,
  statusOf,
  trailOf
} from '#messaging/conversation-reducer.ts'
import {
  alice,
  alicesPhone,
  bob,
  eve,
  hashOf,
  idOf,
  opened
} from '#tests/support/conversation-fixtures.ts'

const id = idOf(1)
const fold = (...facts: readonly Fact[]): readonly MessageRecord[] =>
  recordsOf(facts.reduce(foldFact, emptyCell(id)))

const composed: Fact = {
  kind: 'message-composed',
  id,
  author: alice,
  text: 'text 1',
  sentAtMs: 5,
  sequence: 9
}
const appended: Fact = {
  kind: 'message-appended',
  id,
  author: alice,
  order: { time: 3, hash: hashOf('own') },
  atMs: 6
}
const receipt = (state: 'delivered' | 'read', atMs: number, by = bob): Fact => ({
  kind: 'delivery-receipt',
  by,
  ids: [id],
  state,
  atMs
})
const held = (peerId: string, receivedAtMs: number, heldUntilMs: number): Fact => ({
  kind: 'node-receipt',
  peerId,
  ids: [id],
  receivedAtMs,
  heldUntilMs
})

describe('conversation reducer', () => {
  it('walks an own message from sending to read', () => {
    const walk: readonly Fact[] = [
      composed,
      appended,
      held('pim', 7, 100),
      receipt('delivered', 8),
      receipt('read', 9)
    ]
    const statuses = walk.map((_, length) => fold(...walk.slice(0, length + 1)).map(statusOf))
    expect(statuses).toEqual([['sending'], ['on-device'], ['held'], ['delivered'], ['read']])
    expect(fold(...walk).map(trailOf)).toEqual([
      {
        onDeviceAtMs: 6,
        nodes: [{ peerId: 'pim', receivedAtMs: 7, heldUntilMs: 100 }],
        devices: [{ userId: bob.userId, deviceId: bob.deviceId, deliveredAtMs: 8, readAtMs: 9 }]
      }
    ])
  })

  it('keeps the earliest acknowledgement and the latest promise', () => {
    const [record] = fold(
      composed,
      receipt('delivered', 8),
      receipt('delivered', 7),
      receipt('read', 12),
      receipt('read', 11),
      held('pim', 7, 100),
      held('pim', 9, 200),
      held('pam', 3, 50)
    )
    expect(record?.acknowledgements).toEqual([{ by: bob, deliveredAtMs: 7, readAtMs: 11 }])
    expect(record?.holds).toEqual([
      { peerId: 'pam', receivedAtMs: 3, heldUntilMs: 50 },
      { peerId: 'pim', receivedAtMs: 7, heldUntilMs: 200 }
    ])
  })

  it('takes a read message for delivered', () => {
    const [record] = fold(composed, receipt('read', 8))
    expect(record?.acknowledgements).toEqual([{ by: bob, deliveredAtMs: 8, readAtMs: 8 }])
  })

  it('counts no acknowledgement by the author, whichever of their devices it comes from', () => {
    const [record] = fold(
      composed,
      appended,
      receipt('read', 8, alice),
      receipt('read', 8, alicesPhone)
    )
    expect(record && statusOf(record)).toBe('on-device')
  })

  it('keeps a receipt that comes before its message', () => {
    expect(fold(receipt('delivered', 8))).toEqual([])
    const [record] = fold(receipt('delivered', 8), opened(alice, 1, 3))
    expect(record && statusOf(record)).toBe('delivered')
  })

  it('lets nobody overwrite a message by taking its id', () => {
    const mine = opened(alice, 1, 5, 'what Alice wrote')
    const forged = opened(eve, 1, 2, 'what Eve wrote')
    const records = fold(mine, forged)
    expect(records.map(({ author, text }) => [author.userId, text])).toEqual([
      [eve.userId, 'what Eve wrote'],
      [alice.userId, 'what Alice wrote']
    ])
    expect(fold(mine)[0]?.order).toEqual(records[1]?.order)
  })

  it('shows the earlier of two texts that one author sealed under one id', () => {
    const first = opened(bob, 1, 4, 'first')
    const second = opened(bob, 1, 5, 'second')
    expect(fold(second, first)).toEqual(fold(first, second))
    expect(fold(second, first).map((record) => record.text)).toEqual(['first'])
  })

  it('gives an own message the place of its first entry when it was appended twice', () => {
    const again: Fact = { ...appended, order: { time: 2, hash: hashOf('first') }, atMs: 9 }
    expect(fold(composed, appended, again)[0]).toMatchObject({
      order: { time: 2, hash: hashOf('first') },
      onDeviceAtMs: 6
    })
  })

  it('ignores facts about other messages', () => {
    const cell = emptyCell(id)
    expect(foldFact(cell, opened(bob, 2, 1))).toBe(cell)
  })

  it('gives the very same cell back for what it knows already', () => {
    const cell = [composed, appended, receipt('read', 3)].reduce(foldFact, emptyCell(id))
    for (const fact of [composed, appended, receipt('read', 3), receipt('read', 4)]) {
      expect(foldFact(cell, fact)).toBe(cell)
    }
  })

  it('orders by the log, hashes by code unit, and puts what is not in the log at the end', () => {
    const record = (
      number: number,
      order: MessageRecord['order'],
      sequence: number | null
    ): MessageRecord => ({
      id: idOf(number),
      author: alice,
      text: '',
      sentAtMs: 0,
      order,
      sequence,
      onDeviceAtMs: null,
      acknowledgements: [],
      holds: []
    })
    const sorted = [
      record(5, { time: 1, hash: hashOf('b') }, 9),
      record(4, { time: 2, hash: hashOf('B') }, null),
      record(3, { time: 2, hash: hashOf('a') }, null),
      record(2, null, 1),
      record(1, null, 2)
    ]
    expect([...sorted].reverse().sort(compareRecords)).toEqual(sorted)
  })
})
