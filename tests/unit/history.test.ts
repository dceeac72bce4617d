import { describe, expect, it } from 'vitest'
import { encodeCanonical, readMap, readText } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import type { Fact } from '#messaging/conversation-reducer.ts'
import { statusOf } from '#messaging/conversation-reducer.ts'
import { wantHeld } from '#messaging/outbox.ts'
import type { OutboxItem } from '#messaging/outbox.ts'
import { HISTORY_FORMAT } from '#history/create-history.ts'
import type { ConversationChange, History, HistoryChange, ParkedEntry } from '#history/history.ts'
import { bytesRecord, cborRecord, deleteRecord, putRecord } from '#history/record-kind.ts'
import {
  alice,
  bob,
  conversation,
  eve,
  hashOf,
  idOf,
  logOf,
  opened,
  otherConversation,
  sealedOf
} from '#tests/support/conversation-fixtures.ts'
import { dump, openHistory, openVault, withFaults } from '#tests/support/history-fixtures.ts'

const log = logOf('A')

function inConversation(
  change: Omit<ConversationChange, 'id' | 'ownUserId'>,
  id = conversation
): HistoryChange {
  return { conversations: [{ id, ownUserId: alice.userId, ...change }] }
}

function composed(number: number, sequence: number): Fact {
  return {
    kind: 'message-composed',
    id: idOf(number),
    author: alice,
    text: `own ${number}`,
    sentAtMs: sequence,
    sequence
  }
}

function appended(number: number, time: number): Fact {
  const order = { time, hash: hashOf(`own${number}`) }
  return { kind: 'message-appended', id: idOf(number), author: alice, order, atMs: time }
}

function receipt(numbers: readonly number[], by = bob): Fact {
  return { kind: 'delivery-receipt', by, ids: numbers.map(idOf), state: 'delivered', atMs: 1 }
}

function outboxItem(number: number, sequence: number): OutboxItem {
  return {
    id: idOf(number),
    conversation,
    kind: 'text',
    sequence,
    sealed: sealedOf(Uint8Array.of(number))
  }
}

function parkedEntry(arrival: number, parkedAtMs = arrival): ParkedEntry {
  return {
    entry: {
      log,
      hash: hashOf(`p${arrival}`),
      writer: 'aa'.repeat(32),
      time: arrival,
      arrival,
      sealed: sealedOf(Uint8Array.of(arrival))
    },
    reason: 'unknown epoch',
    parkedAtMs
  }
}

async function texts(history: History, window = { limit: 100 }): Promise<readonly string[]> {
  return (await history.messages(conversation, window)).records.map((record) => record.text)
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action
    return 'no error'
  } catch (error) {
    return error instanceof DeadDropError ? error.code : String(error)
  }
}

/** Overwrites the value of the first key that contains `part`. */
async function damage(store: KeyValueStore, part: string): Promise<void> {
  for (const [key, value] of await dump(store)) {
    if (!key.includes(part)) continue
    const damaged = value.slice()
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    await store.write([{ key, value: damaged }])
    return
  }
  throw new Error(`no key contains ${part}`)
}

describe('history', () => {
  it('stores everything of one step in one write', async () => {
    const store = withFaults(createMemoryStore(), () => undefined)
    const history = await openHistory(store)
    const draft = bytesRecord('draft')
    await history.commit({
      conversations: [
        {
          id: conversation,
          ownUserId: alice.userId,
          session: Uint8Array.of(1),
          facts: [opened(bob, 1, 1), composed(2, 5)],
          outbox: { put: [outboxItem(2, 5)] },
          parked: { put: [parkedEntry(9)] },
          due: { put: [{ id: idOf(1), state: 'delivered', sinceMs: 1 }] }
        }
      ],
      cursors: [{ log, arrival: 9 }],
      holdTasks: {
        put: [wantHeld(undefined, { log, peerId: '12D3KooWPim', wanted: hashOf('x') }, 1)]
      },
      records: [putRecord(draft, conversation, Uint8Array.of(2))]
    })
    expect(store.writes()).toBe(1)

    const again = await openHistory(store)
    expect(await again.session(conversation)).toEqual(Uint8Array.of(1))
    expect(await texts(again)).toEqual(['text 1', 'own 2'])
    expect(await again.outbox()).toEqual([outboxItem(2, 5)])
    expect(await again.parked(conversation, 10)).toEqual([parkedEntry(9)])
    expect(await again.dueReceipts(conversation, 10)).toEqual([
      { id: idOf(1), state: 'delivered', sinceMs: 1 }
    ])
    expect(await again.cursor(log)).toBe(9)
    expect(await again.holdTasks()).toHaveLength(1)
    expect(await again.record(draft, conversation)).toEqual(Uint8Array.of(2))
  })

  it('stores nothing and remembers nothing of a step whose write failed', async () => {
    const inner = createMemoryStore()
    const store = withFaults(inner, (write) => (write === 2 ? 'refused' : undefined))
    const history = await openHistory(store)
    await history.commit(inConversation({ facts: [opened(bob, 1, 1)] }))
    const before = await dump(inner)
    const step = {
      ...inConversation({
        facts: [opened(bob, 2, 2)],
        session: Uint8Array.of(1),
        parked: { put: [parkedEntry(1)] }
      }),
      cursors: [{ log, arrival: 2 }]
    }
    expect(await codeOf(history.commit(step))).toBe('storage-full')
    expect(await dump(inner)).toEqual(before)
    expect(await history.unreadCount(conversation)).toBe(1)
    expect(await history.cursor(log)).toBe(0)

    await history.commit(step)
    expect(await texts(history)).toEqual(['text 1', 'text 2'])
    expect(await history.unreadCount(conversation)).toBe(2)
  })

  it('runs commits one after another in the order of the calls', async () => {
    const history = await openHistory()
    await Promise.all([
      history.commit(inConversation({ facts: [composed(1, 1)] })),
      history.commit(inConversation({ facts: [appended(1, 4)] })),
      history.commit(inConversation({ facts: [receipt([1])] })),
      history.commit(inConversation({ facts: [receipt([1], eve)] }))
    ])
    const [record] = await history.message(conversation, idOf(1))
    expect(record?.acknowledgements).toHaveLength(2)
    expect(record?.order?.time).toBe(4)
  })

  it('tells what each commit changed, before and after', async () => {
    const history = await openHistory()
    const first = await history.commit(
      inConversation({ facts: [composed(1, 1), opened(bob, 2, 1)] })
    )
    expect(first.messages.map(({ before, after }) => [before, after.text])).toEqual([
      [null, 'text 2'],
      [null, 'own 1']
    ])
    const second = await history.commit(
      inConversation({ facts: [appended(1, 4), opened(bob, 2, 1)] })
    )
    expect(
      second.messages.map(({ before, after }) => [before && statusOf(before), statusOf(after)])
    ).toEqual([['sending', 'on-device']])
    expect((await history.commit(inConversation({ facts: [appended(1, 4)] }))).messages).toEqual([])
  })

  it('moves an own message to its place when it is appended', async () => {
    const history = await openHistory()
    await history.commit(
      inConversation({ facts: [composed(1, 1), composed(2, 2), opened(bob, 3, 5)] })
    )
    expect(await texts(history)).toEqual(['text 3', 'own 1', 'own 2'])
    await history.commit(inConversation({ facts: [appended(1, 2)] }))
    expect(await texts(history)).toEqual(['own 1', 'text 3', 'own 2'])
  })

  it('keeps a receipt until its message comes', async () => {
    const history = await openHistory()
    await history.commit(inConversation({ facts: [receipt([1])] }))
    expect(await texts(history)).toEqual([])
    await history.commit(inConversation({ facts: [composed(1, 1)] }))
    expect((await history.message(conversation, idOf(1))).map(statusOf)).toEqual(['delivered'])
    expect(await history.undelivered(conversation, 10)).toEqual([])
  })

  it('lists own messages until another user has them', async () => {
    const history = await openHistory()
    await history.commit(
      inConversation({ facts: [1, 2, 3].flatMap((n) => [composed(n, n), appended(n, n)]) })
    )
    await history.commit(
      inConversation({ facts: [receipt([1]), receipt([2], alice), opened(bob, 9, 9)] })
    )
    const left = async (limit: number): Promise<readonly string[]> =>
      (await history.undelivered(conversation, limit)).map(({ text }) => text)
    expect(await left(10)).toEqual(['own 2', 'own 3'])
    expect(await left(1)).toEqual(['own 2'])
    expect(await left(0)).toEqual([])
  })

  it('counts unread messages of others until they were seen, also after a restart', async () => {
    const store = createMemoryStore()
    const history = await openHistory(store)
    await history.commit(
      inConversation({ facts: [composed(1, 1), opened(bob, 2, 2), opened(bob, 3, 3)] })
    )
    await history.commit(inConversation({ facts: [opened(bob, 4, 1)] }, otherConversation))
    expect(await history.unreadCount(conversation)).toBe(2)
    expect((await history.firstUnread(conversation))?.text).toBe('text 2')
    await history.commit(inConversation({ seen: [idOf(2), idOf(1), idOf(77)] }))
    await history.commit(inConversation({ facts: [opened(bob, 2, 2), receipt([2], eve)] }))
    for (const reader of [history, await openHistory(store)]) {
      expect(await reader.unreadCount(conversation)).toBe(1)
      expect((await reader.firstUnread(conversation))?.text).toBe('text 3')
      expect(await reader.unreadCount(otherConversation)).toBe(1)
    }
    await history.commit(inConversation({ seen: [idOf(3)] }))
    expect(await history.firstUnread(conversation)).toBeUndefined()
  })

  it('counts a message that comes before older ones were read', async () => {
    const history = await openHistory()
    await history.commit(inConversation({ facts: [opened(bob, 2, 9)], seen: [idOf(2)] }))
    await history.commit(inConversation({ facts: [opened(bob, 3, 4)] }))
    expect(await history.unreadCount(conversation)).toBe(1)
    expect((await history.firstUnread(conversation))?.text).toBe('text 3')
  })

  it('pages backwards without gaps where members took each other’s ids', async () => {
    const history = await openHistory()
    const facts = [1, 2, 3].flatMap((n) => [opened(bob, n, n), opened(eve, n, n + 10)])
    await history.commit(inConversation({ facts }))
    const all = (await history.messages(conversation, { limit: 100 })).records
    const paged = []
    let page = await history.messages(conversation, { limit: 1 })
    paged.unshift(...page.records)
    while (page.hasOlder) {
      const oldest = page.records[0]
      if (oldest === undefined) break
      page = await history.messages(conversation, { limit: 1, before: oldest })
      paged.unshift(...page.records)
    }
    expect(paged).toEqual(all)
    expect(await codeOf(history.messages(conversation, { limit: 1, before: idOf(99) }))).toBe(
      'message-unknown'
    )
    expect(await codeOf(history.messages(conversation, { limit: 1, before: 'no id' }))).toBe(
      'message-unknown'
    )
  })

  it('sets an upper bound on parked entries and gives up the oldest', async () => {
    const history = await openHistory(createMemoryStore(), { maxParkedEntries: 3 })
    const park = (arrivals: readonly number[]): Promise<{ readonly unparked: number }> =>
      history.commit(
        inConversation({ parked: { put: arrivals.map((arrival) => parkedEntry(arrival)) } })
      )
    expect((await park([1, 2, 3])).unparked).toBe(0)
    expect((await park([3])).unparked).toBe(0)
    expect((await park([4, 5])).unparked).toBe(2)
    const arrivals = async (): Promise<readonly number[]> =>
      (await history.parked(conversation, 10)).map(({ entry }) => entry.arrival)
    expect(await arrivals()).toEqual([3, 4, 5])
    await history.commit(inConversation({ parked: { remove: [parkedEntry(4)] } }))
    expect((await park([6])).unparked).toBe(0)
    expect(await arrivals()).toEqual([3, 5, 6])
  })

  it('gives the outbox in the order of writing, of one conversation or of all', async () => {
    const history = await openHistory()
    const foreign = { ...outboxItem(1, 1), conversation: otherConversation }
    await history.commit(
      inConversation({ outbox: { put: [outboxItem(2, 20), outboxItem(3, 10)] } })
    )
    await history.commit(inConversation({ outbox: { put: [foreign] } }, otherConversation))
    expect(await history.outbox()).toEqual([foreign, outboxItem(3, 10), outboxItem(2, 20)])
    await history.commit(inConversation({ outbox: { remove: [outboxItem(3, 10)] } }))
    expect(await history.outbox(conversation)).toEqual([outboxItem(2, 20)])
  })

  it('keeps typed records by kind', async () => {
    const settings = cborRecord<{ readonly theme: string }>(
      'settings',
      (value) => ({ ...value }),
      (value) => ({ theme: readText(readMap(value, 'settings', ['theme'])['theme'], 'theme', 10) })
    )
    const history = await openHistory()
    await history.commit({
      records: [
        putRecord(settings, 'self', { theme: 'dark' }),
        putRecord(bytesRecord('settings-x'), 'self', Uint8Array.of(1))
      ]
    })
    expect(await history.record(settings, 'self')).toEqual({ theme: 'dark' })
    expect((await history.records(settings)).items).toEqual(new Map([['self', { theme: 'dark' }]]))
    await history.commit({ records: [deleteRecord(settings, 'self')] })
    expect(await history.record(settings, 'self')).toBeUndefined()
    expect(
      await codeOf(history.commit({ records: [putRecord(settings, 'Bob Müller', { theme: 'x' })] }))
    ).toBe('internal')
  })

  it('names the kind of a value that is damaged', async () => {
    const store = createMemoryStore()
    const history = await openHistory(store)
    await history.commit({
      ...inConversation({ session: Uint8Array.of(1) }),
      records: [putRecord(bytesRecord('identity'), 'self', Uint8Array.of(1))]
    })
    await damage(store, 'session/')
    await damage(store, 'record/identity/')
    await expect(history.session(conversation)).rejects.toThrow('stored session cannot be read')
    await expect(history.record(bytesRecord('identity'), 'self')).rejects.toThrow(
      'stored identity cannot be read'
    )
    expect(await codeOf(history.session(conversation))).toBe('storage-corrupt')
    expect(await history.records(bytesRecord('identity'))).toEqual({ items: new Map(), corrupt: 1 })
  })

  it('refuses a value that was moved to another place', async () => {
    const store = createMemoryStore()
    const history = await openHistory(store)
    await history.commit(inConversation({ session: Uint8Array.of(1) }))
    const key = [...(await dump(store)).keys()].find((name) => name.includes('session/')) ?? ''
    const value = (await store.get(key)) ?? null
    await store.write([{ key: key.replace(conversation, otherConversation), value }])
    expect(await codeOf(history.session(otherConversation))).toBe('storage-corrupt')
  })

  it('shows all other messages when one is damaged, goes on, and does not count it unread for ever', async () => {
    const store = createMemoryStore()
    const history = await openHistory(store)
    await history.commit(inConversation({ facts: [1, 2, 3].map((n) => opened(bob, n, n)) }))
    await damage(store, `message/${conversation}/${idOf(1)}`)
    const page = await history.messages(conversation, { limit: 2 })
    expect(page).toMatchObject({ corrupt: 0, hasOlder: true })
    const whole = await history.messages(conversation, { limit: 10 })
    expect(whole.records.map(({ text }) => text)).toEqual(['text 2', 'text 3'])
    expect(whole).toMatchObject({ corrupt: 1, hasOlder: false })

    expect(await history.unreadCount(conversation)).toBe(3)
    expect((await history.firstUnread(conversation))?.text).toBe('text 2')
    expect(await history.unreadCount(conversation)).toBe(2)

    const outcome = await history.commit(
      inConversation({ facts: [receipt([1], eve), opened(bob, 4, 4)] })
    )
    expect(outcome.corrupt).toBe(1)
    expect(await texts(history)).toEqual(['text 2', 'text 3', 'text 4'])
    expect([...(await dump(store)).keys()].filter((key) => key.includes('corrupt/'))).toHaveLength(
      1
    )
  })

  it('reads on past damage and past its own step until the window is full', async () => {
    const store = createMemoryStore()
    const history = await openHistory(store)
    const numbers = Array.from({ length: 300 }, (_, number) => number)
    await history.commit(inConversation({ facts: numbers.map((n) => opened(bob, n, n)) }))
    expect((await history.messages(conversation, { limit: 290 })).records).toHaveLength(290)
    for (const n of [297, 298, 299]) await damage(store, `message/${conversation}/${idOf(n)}`)
    expect(await history.messages(conversation, { limit: 1 })).toMatchObject({
      records: [{ text: 'text 296' }],
      hasOlder: true,
      corrupt: 3
    })
    expect(await texts(history, { limit: 1_000 })).toEqual(
      numbers.slice(0, 297).map((n) => `text ${n}`)
    )
  })

  it('refuses to open what a later version wrote', async () => {
    const store = createMemoryStore()
    await (await openHistory(store)).commit({})
    const vault = await openVault()
    const write = async (value: Uint8Array): Promise<void> =>
      store.write([{ key: 'history/format', value }])
    await openHistory(store)
    await write(await vault.seal('history/format', encodeCanonical(HISTORY_FORMAT + 1)))
    expect(await codeOf(openHistory(store))).toBe('data-newer')
    await write(Uint8Array.of(1, 2, 3))
    expect(await codeOf(openHistory(store))).toBe('storage-corrupt')
    await write(new Uint8Array(64).fill(200))
    expect(await codeOf(openHistory(store))).toBe('data-newer')
  })

  it('asks the store for a power-cut-proof write only where it is told to', async () => {
    const inner = createMemoryStore()
    const asked: (boolean | undefined)[] = []
    const history = await openHistory({
      ...inner,
      write: async (batch, options) => {
        asked.push(options?.isDurable)
        await inner.write(batch, options)
      }
    })
    await history.commit({})
    await history.commit({}, { isDurable: true })
    expect(asked).toEqual([false, true])
  })

  it('refuses to work after it was closed, and lets running commits end', async () => {
    const history = await openHistory()
    const running = history.commit(inConversation({ facts: [composed(1, 1)] }))
    await history.close()
    await history.close()
    await running
    expect(await codeOf(history.commit({}))).toBe('stopped')
    expect(await codeOf(history.messages(conversation, { limit: 1 }))).toBe('stopped')
  })

  it('refuses a change that names one conversation twice', async () => {
    const history = await openHistory()
    const [change] = inConversation({}).conversations ?? []
    if (change === undefined) throw new Error('change is missing')
    expect(await codeOf(history.commit({ conversations: [change, change] }))).toBe('internal')
  })

  it('leaves no readable trace of texts, names, ids of users and sessions on disk', async () => {
    const marker = 'CanaryMarker7f3a'
    const store = createMemoryStore()
    const history = await openHistory(store)
    const bytes = new TextEncoder().encode(marker)
    const markedAuthor = { userId: bob.userId, deviceId: bob.deviceId }
    await history.commit({
      ...inConversation({
        session: bytes,
        facts: [
          opened(markedAuthor, 1, 1, marker),
          {
            kind: 'message-composed',
            id: idOf(2),
            author: alice,
            text: marker,
            sentAtMs: 1,
            sequence: 1
          }
        ],
        outbox: { put: [{ ...outboxItem(2, 1), sealed: sealedOf(bytes) }] },
        parked: { put: [{ ...parkedEntry(1), reason: marker }] },
        due: { put: [{ id: idOf(1), state: 'read', sinceMs: 1 }] }
      }),
      records: [putRecord(bytesRecord('contact'), conversation, bytes)]
    })
    const needles = [marker, bob.userId, alice.userId, bob.deviceId].flatMap((text) => {
      const raw = Buffer.from(text)
      return [
        raw,
        Buffer.from(raw.toString('hex')),
        Buffer.from(raw.toString('base64').replace(/=*$/u, ''))
      ]
    })
    const keys = Buffer.from([bob.userId, alice.userId].join(''), 'hex')
    for (const [key, value] of await dump(store)) {
      const stored = Buffer.concat([Buffer.from(key), Buffer.from(value)])
      for (const needle of needles) expect(stored.includes(needle)).toBe(false)
      expect(stored.includes(keys.subarray(0, 32))).toBe(false)
      expect(stored.includes(keys.subarray(32))).toBe(false)
    }
    expect((await dump(store)).size).toBeGreaterThan(10)
  })
})
