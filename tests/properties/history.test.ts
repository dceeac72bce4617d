import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import type { Fact, MessageCell, MessageRecord } from '#messaging/conversation-reducer.ts'
import {
  compareRecords,
  emptyCell,
  foldFact,
  idsOf,
  recordsOf,
  statusOf
} from '#messaging/conversation-reducer.ts'
import { encodeContent } from '#messaging/message-codec.ts'
import type { Author } from '#messaging/ports.ts'
import type { OutboxItem } from '#messaging/outbox.ts'
import { createAppendMatcher, nextSequence } from '#messaging/outbox.ts'
import { receiveEntry } from '#messaging/receive-entry.ts'
import { planReceipts } from '#messaging/receipt-batch.ts'
import type { SealedEntry } from '#replica/sealed-log.ts'
import { createHistory } from '#history/create-history.ts'
import type { History } from '#history/history.ts'
import {
  alice,
  anyLogFact,
  bob,
  conversation,
  eve,
  hashOf,
  idOf,
  logOf,
  sealedOf,
  shuffledWithRepeats
} from '#tests/support/conversation-fixtures.ts'
import { unsafePlainVaultForTesting, withFaults } from '#tests/support/history-fixtures.ts'

const log = logOf('A')

/** Thousands of restarts: the vault has tests of its own, and `history.test.ts` runs on the real one. */
async function openFast(store: KeyValueStore): Promise<History> {
  return createHistory({ store, vault: unsafePlainVaultForTesting() })
}

function expected(facts: readonly Fact[]): readonly MessageRecord[] {
  const cells = new Map<string, MessageCell>()
  for (const fact of facts) {
    for (const id of idsOf(fact)) cells.set(id, foldFact(cells.get(id) ?? emptyCell(id), fact))
  }
  return [...cells.values()].flatMap(recordsOf).sort(compareRecords)
}

async function pagedThrough(history: History, limit: number): Promise<readonly MessageRecord[]> {
  let page = await history.messages(conversation, { limit })
  const all = [...page.records]
  while (page.hasOlder) {
    const [oldest] = page.records
    if (oldest === undefined) throw new Error('a page with older messages is empty')
    page = await history.messages(conversation, { limit, before: oldest })
    all.unshift(...page.records)
  }
  return all
}

const someFacts = fc.array(anyLogFact, { minLength: 1, maxLength: 20 })

describe('history, for all facts', () => {
  it('shows what the reducer says, whatever the order, repetition, batches and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        someFacts.chain((facts) => fc.tuple(fc.constant(facts), shuffledWithRepeats(facts))),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.boolean()), {
          minLength: 1,
          maxLength: 20
        }),
        fc.integer({ min: 1, max: 5 }),
        async ([facts, shuffled], steps, pageSize) => {
          const store = createMemoryStore()
          let history = await openFast(store)
          let rest = shuffled
          for (let step = 0; rest.length > 0; step++) {
            const [size, isRestart] = steps[step % steps.length] ?? [1, false]
            const batch = rest.slice(0, size)
            rest = rest.slice(size)
            await history.commit({
              conversations: [{ id: conversation, ownUserId: alice.userId, facts: batch }]
            })
            if (isRestart) history = await openFast(store)
          }
          const all = expected(facts)
          const isOwn = (record: MessageRecord): boolean => record.author.userId === alice.userId
          expect(await pagedThrough(history, pageSize)).toEqual(all)
          expect(await history.unreadCount(conversation)).toBe(
            all.filter((record) => !isOwn(record)).length
          )
          expect(await history.firstUnread(conversation)).toEqual(
            all.find((record) => !isOwn(record))
          )
          expect(await history.undelivered(conversation, 1_000)).toEqual(
            all.filter(
              (record) =>
                isOwn(record) && ['sending', 'on-device', 'held'].includes(statusOf(record))
            )
          )
        }
      ),
      { numRuns: 1_000 }
    )
  }, 120_000)

  it('pages many messages at any size exactly as they are ordered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(alice, bob, eve)), {
          minLength: 60,
          maxLength: 200
        }),
        fc.integer({ min: 1, max: 150 }),
        async (messages, pageSize) => {
          const facts = messages.map(([time, author], number): Fact => ({
            kind: 'message-opened',
            id: idOf(number),
            author,
            text: `text ${number}`,
            sentAtMs: number,
            order: { time, hash: hashOf(`h${(number * 7_919) % 1_000}n${number}`) }
          }))
          const history = await openFast(createMemoryStore())
          await history.commit({
            conversations: [{ id: conversation, ownUserId: alice.userId, facts }]
          })
          expect(await pagedThrough(history, pageSize)).toEqual(expected(facts))
        }
      ),
      { numRuns: 50 }
    )
  }, 60_000)
})

/** What a session does, as far as history can tell: each entry opens once, and only what was frozen survives a crash. */
function openOnce(session: Uint8Array | undefined): {
  open(entry: SealedEntry): boolean
  freeze(): Uint8Array
} {
  const used = new Set(session ?? [])
  return {
    open(entry) {
      if (used.has(entry.arrival)) return false
      used.add(entry.arrival)
      return true
    },
    freeze: () => Uint8Array.from(used)
  }
}

type Fault = 'refused' | 'crashed' | undefined
const anyFaults = fc.array(fc.constantFrom<Fault[]>('refused', 'crashed', undefined, undefined), {
  maxLength: 40
})

describe('history, with a crash at any write', () => {
  it('never lets cursor, session and messages disagree, and ends with every message once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 1, max: 6 }),
        anyFaults,
        async (count, batchSize, faults) => {
          const entries = Array.from({ length: count }, (_, index): SealedEntry => ({
            log,
            hash: hashOf(`e${index + 1}`),
            writer: 'bb'.repeat(32),
            time: index + 1,
            arrival: index + 1,
            sealed: sealedOf(Uint8Array.of(index + 1))
          }))
          const store = withFaults(createMemoryStore(), (write) => faults[write - 1])
          for (let life = 0; ; life++) {
            expect(life).toBeLessThanOrEqual(faults.length + 1)
            const history = await openFast(store)
            const arrived = await history.cursor(log)
            const session = await history.session(conversation)
            const shown = (await pagedThrough(history, 7)).map((record) => record.text)
            expect(shown).toEqual(entries.slice(0, arrived).map((entry) => `text ${entry.arrival}`))
            expect([...(session ?? [])]).toEqual(
              entries.slice(0, arrived).map((entry) => entry.arrival)
            )
            expect(await history.unreadCount(conversation)).toBe(arrived)
            expect(await history.dueReceipts(conversation, 100)).toHaveLength(arrived)
            if (arrived === count) return
            try {
              await receiveAll(history, entries.slice(arrived), batchSize)
            } catch (error) {
              assertInjected(error)
            }
          }
        }
      ),
      { numRuns: 300 }
    )
  }, 120_000)

  it('sends every composed message exactly once, in the order of writing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), anyFaults, async (count, faults) => {
        const store = withFaults(createMemoryStore(), (write) => faults[write - 1])
        const appendedEntries: SealedEntry[] = []
        let written = 0
        for (let life = 0; ; life++) {
          expect(life).toBeLessThanOrEqual(faults.length + 1)
          const history = await openFast(store)
          try {
            await recover(history, appendedEntries)
            // What the user wrote is what the store took: a refused message stays in the composer and is sent again.
            written = (await history.messages(conversation, { limit: 100 })).records.length
            for (; written < count; written++) await compose(history, written + 1)
            await recover(history, appendedEntries)
            break
          } catch (error) {
            assertInjected(error)
          }
        }
        const history = await openFast(store)
        expect(appendedEntries.map((entry) => entry.sealed[0])).toEqual(
          Array.from({ length: count }, (_, index) => index + 1)
        )
        expect(await history.outbox()).toEqual([])
        const { records } = await history.messages(conversation, { limit: 100 })
        expect(records.map((record) => [record.text, statusOf(record)])).toEqual(
          Array.from({ length: count }, (_, index) => [`text ${index + 1}`, 'on-device'])
        )
      }),
      { numRuns: 300 }
    )
  }, 120_000)
})

/** The process died here, before or after the bytes were on disk: the next life starts from the store. */
function assertInjected(error: unknown): void {
  if (!isDeadDropError(error) || !['storage-full', 'stopped'].includes(error.code)) throw error
}

async function receiveAll(
  history: History,
  entries: readonly SealedEntry[],
  batchSize: number
): Promise<void> {
  const session = openOnce(await history.session(conversation))
  for (let start = 0; start < entries.length; start += batchSize) {
    const batch = entries.slice(start, start + batchSize)
    const received = batch.map((entry) =>
      receiveEntry(
        entry,
        session.open(entry)
          ? { kind: 'opened', plain: plainText(entry.arrival), author: bob }
          : { kind: 'rejected', reason: 'key was used' },
        { ownUserId: alice.userId, nowMs: entry.arrival }
      )
    )
    const accepted = received.filter((item) => item.kind === 'accepted')
    await history.commit({
      conversations: [
        {
          id: conversation,
          ownUserId: alice.userId,
          session: session.freeze(),
          facts: accepted.flatMap((item) => item.facts),
          due: { put: accepted.flatMap((item) => item.due) }
        }
      ],
      cursors: [{ log, arrival: batch.at(-1)?.arrival ?? 0 }]
    })
    expect(
      planReceipts(
        await history.dueReceipts(conversation, 256),
        { sendReadReceipts: true },
        1_000_000
      ).receipt
    ).not.toBeNull()
  }
}

function plainText(number: number): ReturnType<typeof encodeContent> {
  return encodeContent({ kind: 'text', id: idOf(number), sentAtMs: number, text: `text ${number}` })
}

async function compose(history: History, number: number): Promise<void> {
  const last = (await history.outbox(conversation)).at(-1)?.sequence ?? 0
  const item: OutboxItem = {
    id: idOf(number),
    conversation,
    kind: 'text',
    sequence: nextSequence(last, 1_000),
    sealed: sealedOf(Uint8Array.of(number, 7, 7))
  }
  const { id, sequence } = item
  const fact: Fact = {
    kind: 'message-composed',
    id,
    author: alice,
    text: `text ${number}`,
    sentAtMs: 1,
    sequence
  }
  await history.commit(
    {
      conversations: [
        { id: conversation, ownUserId: alice.userId, facts: [fact], outbox: { put: [item] } }
      ]
    },
    { isDurable: true }
  )
}

/** What the client does at every start: look in the log first, append what is not there. */
async function recover(history: History, entries: SealedEntry[]): Promise<void> {
  const matcher = createAppendMatcher(await history.outbox())
  for (const entry of entries) {
    const found = matcher.match(entry)
    if (found !== undefined) await settle(history, found, entry, alice)
  }
  for (const item of await history.outbox()) {
    const arrival = entries.length + 1
    const entry: SealedEntry = {
      log,
      hash: hashOf(`own${arrival}`),
      writer: 'aa'.repeat(32),
      time: arrival,
      arrival,
      sealed: item.sealed
    }
    entries.push(entry)
    await settle(history, item, entry, alice)
  }
}

async function settle(
  history: History,
  item: OutboxItem,
  entry: SealedEntry,
  author: Author
): Promise<void> {
  const order = { time: entry.time, hash: entry.hash }
  const fact: Fact = { kind: 'message-appended', id: item.id, author, order, atMs: 1 }
  await history.commit({
    conversations: [
      { id: conversation, ownUserId: author.userId, facts: [fact], outbox: { remove: [item] } }
    ]
  })
}
