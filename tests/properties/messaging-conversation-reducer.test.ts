import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Fact, MessageCell, MessageRecord } from '#messaging/conversation-reducer.ts'
import {
  compareRecords,
  emptyCell,
  foldFact,
  idsOf,
  joinCells,
  recordsOf,
  statusOf
} from '#messaging/conversation-reducer.ts'
import { DELIVERY_STATUSES } from '#messaging/delivery.ts'
import { anyFact, idOf, shuffledWithRepeats } from '#tests/support/conversation-fixtures.ts'

type Conversation = ReadonlyMap<string, MessageCell>

function fold(facts: readonly Fact[]): Conversation {
  const cells = new Map<string, MessageCell>()
  for (const fact of facts) {
    for (const id of idsOf(fact)) cells.set(id, foldFact(cells.get(id) ?? emptyCell(id), fact))
  }
  return new Map([...cells].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function shown(conversation: Conversation): readonly MessageRecord[] {
  return [...conversation.values()].flatMap(recordsOf).sort(compareRecords)
}

const someFacts = fc.array(anyFact, { minLength: 1, maxLength: 24 })
const cells = fc
  .array(anyFact, { maxLength: 8 })
  .map((facts) => facts.reduce(foldFact, emptyCell(idOf(1))))

describe('conversation reducer, for all facts', () => {
  it('any order and any repetition gives the same conversation', () => {
    fc.assert(
      fc.property(
        someFacts.chain((facts) => fc.tuple(fc.constant(facts), shuffledWithRepeats(facts))),
        ([facts, shuffled]) => {
          expect(fold(shuffled)).toEqual(fold(facts))
          expect(shown(fold(shuffled))).toEqual(shown(fold(facts)))
        }
      ),
      { numRuns: 3_000 }
    )
  })

  it('joining cells is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(cells, cells, cells, (a, b, c) => {
        expect(joinCells(a, b)).toEqual(joinCells(b, a))
        expect(joinCells(joinCells(a, b), c)).toEqual(joinCells(a, joinCells(b, c)))
        expect(joinCells(a, a)).toEqual(a)
      }),
      { numRuns: 2_000 }
    )
  })

  it('two devices that fold apart and then exchange agree with one that saw everything', () => {
    fc.assert(
      fc.property(someFacts, someFacts, (here, there) => {
        const everything = fold([...here, ...there])
        for (const [id, cell] of everything) {
          const known = fold(here).get(id) ?? emptyCell(id)
          const told = fold(there).get(id) ?? emptyCell(id)
          expect(joinCells(known, told)).toEqual(cell)
        }
      }),
      { numRuns: 1_000 }
    )
  })

  it('no fact ever takes a status back or removes a message', () => {
    fc.assert(
      fc.property(someFacts, anyFact, (facts, next) => {
        const before = fold(facts)
        const after = fold([...facts, next])
        for (const [id, cell] of before) {
          const later = recordsOf(after.get(id) ?? emptyCell(id))
          for (const record of recordsOf(cell)) {
            const same = later.find(
              ({ author }) => JSON.stringify(author) === JSON.stringify(record.author)
            )
            expect(same).toBeDefined()
            if (same === undefined) continue
            expect(DELIVERY_STATUSES.indexOf(statusOf(same))).toBeGreaterThanOrEqual(
              DELIVERY_STATUSES.indexOf(statusOf(record))
            )
          }
        }
      }),
      { numRuns: 2_000 }
    )
  })

  it('nobody changes the text of another author', () => {
    fc.assert(
      fc.property(someFacts, anyFact, (facts, next) => {
        const textsOf = (all: readonly Fact[]): string[] =>
          shown(fold(all))
            .filter(
              ({ author }) =>
                !('author' in next) || JSON.stringify(author) !== JSON.stringify(next.author)
            )
            .map(({ id, author, text, order }) => JSON.stringify([id, author, text, order]))
        expect(textsOf([...facts, next])).toEqual(textsOf(facts))
      }),
      { numRuns: 2_000 }
    )
  })

  it('the order of a conversation is total', () => {
    fc.assert(
      fc.property(someFacts, (facts) => {
        const records = shown(fold(facts))
        for (const [index, record] of records.entries()) {
          for (const later of records.slice(index + 1)) {
            expect(compareRecords(record, later)).toBe(-1)
            expect(compareRecords(later, record)).toBe(1)
          }
        }
      }),
      { numRuns: 1_000 }
    )
  })
})
