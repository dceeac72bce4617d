import fc from 'fast-check'
import type { EntryHash, LogAddress, PlainBytes, SealedBytes } from '#protocol/brand.ts'
import type { Fact, MessageOpened } from '#messaging/conversation-reducer.ts'
import type { Author } from '#messaging/ports.ts'

export const alice: Author = { userId: 'a1'.repeat(32), deviceId: 'a2'.repeat(16) }
export const alicesPhone: Author = { userId: 'a1'.repeat(32), deviceId: 'a3'.repeat(16) }
export const bob: Author = { userId: 'b1'.repeat(32), deviceId: 'b2'.repeat(16) }
export const eve: Author = { userId: 'e1'.repeat(32), deviceId: 'e2'.repeat(16) }

export const conversation = 'c0'.repeat(16)
export const otherConversation = 'c1'.repeat(16)

/** A message id made of a small number. */
export function idOf(number: number): string {
  return number.toString(16).padStart(32, '0')
}

/** An entry hash made of any text of letters and digits. */
export function hashOf(text: string): EntryHash {
  return `zdpu${text}`.padEnd(59, 'x') as EntryHash
}

export function logOf(text: string): LogAddress {
  return `/orbitdb/zdpu${text}`.padEnd(68, 'x') as LogAddress
}

export function plainOf(bytes: Uint8Array): PlainBytes {
  return bytes as PlainBytes
}

export function sealedOf(bytes: Uint8Array): SealedBytes {
  return bytes as SealedBytes
}

export function opened(
  author: Author,
  number: number,
  time: number,
  text = `text ${number}`
): MessageOpened {
  return {
    kind: 'message-opened',
    id: idOf(number),
    author,
    text,
    sentAtMs: 1_800_000_000_000 + time,
    order: { time, hash: hashOf(`${author.deviceId.slice(0, 2)}n${number}t${time}`) }
  }
}

const authors = [alice, alicesPhone, bob, eve] as const
const times = fc.integer({ min: 0, max: 5 })
const anyAuthor = fc.constantFrom(...authors)
const anyId = fc.integer({ min: 0, max: 4 }).map(idOf)
const anyIds = fc.array(anyId, { minLength: 1, maxLength: 4 })
const anyText = fc.constantFrom('one', 'two', 'three')

/**
 * Facts that collide as often as possible: few ids, few authors, few times, equal hashes. The reducer has to be total.
 */
export const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({
    kind: fc.constant('message-opened' as const),
    id: anyId,
    author: anyAuthor,
    text: anyText,
    sentAtMs: times,
    order: fc.record({ time: times, hash: fc.constantFrom(hashOf('A'), hashOf('B')) })
  }),
  fc.record({
    kind: fc.constant('message-composed' as const),
    id: anyId,
    author: anyAuthor,
    text: anyText,
    sentAtMs: times,
    sequence: times
  }),
  fc.record({
    kind: fc.constant('message-appended' as const),
    id: anyId,
    author: anyAuthor,
    order: fc.record({ time: times, hash: fc.constantFrom(hashOf('A'), hashOf('B')) }),
    atMs: times
  }),
  anyReceiptFact()
)

/**
 * Facts as a log gives them: a hash belongs to one entry, and so to one author, id and text. This device is Alice's, so
 * only she composes and appends here, and nobody opens what she wrote.
 */
export const anyLogFact: fc.Arbitrary<Fact> = fc.oneof(
  fc
    .record({
      author: fc.constantFrom(alicesPhone, bob, eve),
      number: fc.integer({ min: 0, max: 9 }),
      time: times
    })
    .map(({ author, number, time }) =>
      opened(author, number, time, `text ${number} of ${author.deviceId}`)
    ),
  fc
    .record({ number: fc.integer({ min: 0, max: 9 }), sequence: times })
    .map(({ number, sequence }): Fact => ({
      kind: 'message-composed',
      id: idOf(number),
      author: alice,
      text: `own text ${number}`,
      sentAtMs: sequence,
      sequence
    })),
  fc
    .record({ number: fc.integer({ min: 0, max: 9 }), time: times })
    .map(({ number, time }): Fact => ({
      kind: 'message-appended',
      id: idOf(number),
      author: alice,
      order: { time, hash: hashOf(`a2n${number}t${time}`) },
      atMs: time
    })),
  anyReceiptFact()
)

function anyReceiptFact(): fc.Arbitrary<Fact> {
  return fc.oneof(
    fc.record({
      kind: fc.constant('delivery-receipt' as const),
      by: anyAuthor,
      ids: anyIds,
      state: fc.constantFrom('delivered' as const, 'read' as const),
      atMs: times
    }),
    fc.record({
      kind: fc.constant('node-receipt' as const),
      peerId: fc.constantFrom('12D3KooWPim', '12D3KooWPam'),
      ids: anyIds,
      receivedAtMs: times,
      heldUntilMs: times
    })
  )
}

/** The same facts in another order, some of them several times. */
export function shuffledWithRepeats(facts: readonly Fact[]): fc.Arbitrary<readonly Fact[]> {
  return fc
    .tuple(
      fc.shuffledSubarray([...facts], { minLength: facts.length }),
      fc.array(fc.constantFrom(...facts), { maxLength: facts.length })
    )
    .chain(([all, repeats]) =>
      fc.shuffledSubarray([...all, ...repeats], { minLength: all.length + repeats.length })
    )
}
