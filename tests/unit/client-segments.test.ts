import { beforeAll, describe, expect, it } from 'vitest'
import { createConversation, type Conversation } from '#client/conversation.ts'
import { HOLD_FOR_MS, type HeldLog, type Holder } from '#client/holder.ts'
import { chainKind } from '#client/records.ts'
import type { SegmentPolicy } from '#client/segment-keeper.ts'
import { createHistory } from '#history/create-history.ts'
import type { History } from '#history/history.ts'
import { deleteRecord, putRecord } from '#history/record-kind.ts'
import { statusOf } from '#messaging/conversation-reducer.ts'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import type { PinReceipt } from '#protocol/pin-messages.ts'
import type { Replica } from '#replica/replica.ts'
import { redactIdentity, type IdentityWithSecrets } from '#sealing/identity.ts'
import { thawSession, type Session } from '#sealing/session.ts'
import { createVault, importVaultKey } from '#sealing/vault.ts'
import { createStubbornStore, type StubbornStore } from '#tests/support/client-world.ts'
import { createFakeClock, type FakeClock } from '#tests/support/network-clock.ts'
import { foundConversation, sealingComponents } from '#tests/support/sealing-world.ts'
import { createSegmentWorld, type Device, type SegmentWorld } from '#tests/support/segment-world.ts'

const DAY_MS = 24 * 60 * 60_000
const components = sealingComponents()

interface Side {
  readonly identity: IdentityWithSecrets
  readonly frozen: Uint8Array
}
let sides: { readonly alice: Side; readonly bob: Side }
let id: string
let reader: Session

beforeAll(async () => {
  const { alice, bob, aliceIdentity, bobIdentity } = await foundConversation(components)
  sides = {
    alice: { identity: aliceIdentity, frozen: alice.freeze() },
    bob: { identity: bobIdentity, frozen: bob.freeze() }
  }
  id = alice.conversationId
  reader = alice
})

function addressOf(segment: number): LogAddress {
  return reader.segment(segment).address
}

/** What a holder is told, instead of asking nodes. */
interface Wishes extends Holder {
  readonly held: ReadonlyMap<LogAddress, HeldLog>
  readonly wanted: ReadonlyMap<LogAddress, EntryHash>
}

function createWishes(): Wishes {
  const held = new Map<LogAddress, HeldLog>()
  const wanted = new Map<LogAddress, EntryHash>()
  return {
    held,
    wanted,
    register: (log) => held.set(log.log.address, log),
    release(log) {
      held.delete(log)
      wanted.delete(log)
    },
    want: (log, hash) => wanted.set(log, hash),
    networkChanged: () => undefined,
    wake: () => undefined,
    stop: async () => undefined
  }
}

interface Person {
  readonly device: Device
  readonly store: StubbornStore
  readonly history: History
  readonly wishes: Wishes
  readonly problems: (string | null)[]
  conversation: Conversation
  start(): Promise<void>
  stop(): Promise<void>
  send(...texts: string[]): Promise<void>
  readonly texts: () => Promise<string[]>
  readonly statuses: () => Promise<string[]>
  keptSegments(): Promise<number[]>
  /** Which segments its messages are in. */
  readonly places: () => Promise<number[]>
  /** Entries that had to make room. */
  unparked(): number
}

/** What takes thousands of messages without it. */
interface Limits {
  readonly maxParkedEntries?: number
  /** No message may overtake another one. */
  readonly isInOrder?: boolean
}

interface World {
  readonly clock: FakeClock
  readonly network: SegmentWorld
  /** Lets everything that does not wait for more than seconds happen. */
  readonly calm: () => Promise<void>
  /** Lets things happen until `look` gives this: a busy machine needs more turns. */
  readonly reaches: <T>(look: () => Promise<T>, expected: T) => Promise<void>
  readonly calmFor: (seconds: number) => Promise<void>
  readonly person: (
    side: 'alice' | 'bob',
    policy?: Partial<SegmentPolicy>,
    limits?: Limits
  ) => Promise<Person>
}

function createWorld(): World {
  const clock = createFakeClock(Date.UTC(2030, 0, 1))
  const network = createSegmentWorld(clock)
  const pending = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))
  async function calmFor(seconds: number): Promise<void> {
    for (let round = 0; round < seconds; round++) {
      await clock.advance(1_000)
      for (let turn = 0; turn < 4; turn++) await pending()
    }
  }
  return {
    clock,
    network,
    calmFor,
    calm: () => calmFor(15),
    async reaches(look, expected) {
      const wanted = JSON.stringify(expected)
      for (let turn = 0; turn < 60 && JSON.stringify(await look()) !== wanted; turn++)
        await calmFor(15)
      expect(await look()).toEqual(expected)
    },
    async person(side, policy = {}, { isInOrder = false, ...limits } = {}) {
      const { identity, frozen } = sides[side]
      const own = redactIdentity(identity)
      const device = network.device(side)
      const store = createStubbornStore()
      const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
      const vault = createVault({ key: await importVaultKey(new Uint8Array(32).fill(7)), random })
      const history = await createHistory({ store, vault }, limits)
      await history.commit({
        conversations: [{ id, ownUserId: own.userId, session: frozen }]
      })
      const wishes = createWishes()
      const problems: (string | null)[] = []
      let unparked = 0
      const create = async (): Promise<Conversation> => {
        const bytes = await history.session(id)
        const thaw = async (frozenBytes: Uint8Array): Promise<Session> => {
          const session = await thawSession(components, frozenBytes)
          return {
            ...session,
            open: async (sealed, options) =>
              isInOrder && options?.isEarly === true
                ? { kind: 'waiting', reason: 'too-far-ahead' }
                : session.open(sealed, options)
          }
        }
        return createConversation(
          { history, clock, randomBytes: random, random: () => 0.5, thaw },
          {
            id,
            own,
            record: { contactUserId: '', contactName: '', createdAtMs: 0, nodes: [] },
            session: await thaw(bytes ?? frozen),
            segments: policy,
            policy: () => ({ sendReadReceipts: true, allowDirect: false }),
            onCommit: (outcome) => (unparked += outcome.unparked),
            onChange: () => undefined,
            onProblem: (problem) => problems.push(problem)
          }
        )
      }
      const page = (): ReturnType<History['messages']> => history.messages(id, { limit: 500 })
      const person: Person = {
        device,
        store,
        history,
        wishes,
        problems,
        unparked: () => unparked,
        conversation: await create(),
        async start() {
          const replica = {
            ...device.replica,
            peerId: side,
            connectDirect: async () => false
          } as unknown as Replica // a conversation uses no more of it
          await person.conversation.attach(replica, wishes)
        },
        async stop() {
          await person.conversation.stop()
          device.crash()
          person.conversation = await create()
        },
        async send(...texts) {
          for (const text of texts) await person.conversation.send(text)
        },
        texts: async () => (await page()).records.map(({ text }) => text),
        statuses: async () => (await page()).records.map(statusOf),
        keptSegments: async () =>
          ((await history.record(chainKind, id)) ?? []).map(({ number }) => number),
        places: async () =>
          (await page()).records.map(({ order }) => Math.floor(((order?.time ?? 0) - 1) / 2 ** 40))
      }
      return person
    }
  }
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `text ${from + index}`)

describe('a conversation over several segments', { timeout: 60_000 }, () => {
  it('shows the same sequence on both sides, whoever leaves a segment', async () => {
    const { network, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 4 })
    const bob = await person('bob', { maxEntries: 4 })
    await alice.start()
    await bob.start()
    network.connect(alice.device, bob.device)
    for (let index = 0; index < 6; index++) {
      const [from, to] = index % 2 === 0 ? [alice, bob] : [bob, alice]
      await from.send(`text ${index}`)
      await reaches(to.texts, numbered(0, index))
    }
    await reaches(alice.texts, numbered(0, 5))
    expect(await alice.places()).toEqual(await bob.places())
    expect((await alice.places()).at(-1)).toBeGreaterThan(1)
    await alice.stop()
    await bob.stop()
  })

  it('opens the newest segment while older ones are still coming, and loses nothing', async () => {
    const { network, calm, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 3 })
    const bob = await person('bob', { maxEntries: 3 })
    await alice.start()
    await alice.send(...numbered(0, 11))
    await calm()
    // Bob was there when the chain was that long, and lost his logs since.
    const kept = [0, 1, 2, 3].map((number) => ({ number, firstSeenAtMs: null, leftAtMs: null }))
    await bob.history.commit({ records: [putRecord(chainKind, id, kept)] })
    for (const number of [0, 1, 2]) bob.device.delay(addressOf(number), true)
    await bob.start()
    network.connect(alice.device, bob.device)
    await reaches(bob.texts, numbered(9, 11))
    for (const number of [1, 2, 0]) {
      bob.device.delay(addressOf(number), false)
      await calm()
    }
    await reaches(bob.texts, numbered(0, 11))
    await alice.stop()
    await bob.stop()
  })

  it('reads again from the logs what waited and had to make room', async () => {
    const { network, calm, calmFor, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 4 })
    const limits = { maxParkedEntries: 2, isInOrder: true }
    const bob = await person('bob', { maxEntries: 4 }, limits)
    await alice.start()
    await alice.send(...numbered(0, 15))
    await calm()
    const kept = [0, 1, 2, 3].map((number) => ({ number, firstSeenAtMs: null, leftAtMs: null }))
    await bob.history.commit({ records: [putRecord(chainKind, id, kept)] })
    for (const number of [0, 1]) bob.device.delay(addressOf(number), true)
    await bob.start()
    network.connect(alice.device, bob.device)
    await calmFor(3)
    expect(await bob.texts()).toEqual([])
    for (const number of [0, 1]) bob.device.delay(addressOf(number), false)
    await reaches(bob.texts, numbered(0, 15))
    await reaches(() => bob.history.parked(id, 9), [])
    expect(bob.unparked()).toBeGreaterThan(0)
    await alice.stop()
    await bob.stop()
  })

  it('reads what comes to a log whose end the disk lost', async () => {
    const { network, reaches, person } = createWorld()
    const alice = await person('alice')
    const bob = await person('bob')
    await alice.start()
    await bob.start()
    network.connect(alice.device, bob.device)
    await alice.send('first')
    await reaches(bob.texts, ['first'])
    await reaches(alice.statuses, ['delivered'])
    network.disconnect(alice.device, bob.device)
    await bob.send('lost')
    await reaches(bob.places, [0, 0])
    await bob.stop()
    bob.device.loseNewest(addressOf(0))
    await alice.send('second')
    await reaches(alice.statuses, ['delivered', 'on-device'])
    await bob.start()
    network.connect(alice.device, bob.device)
    await reaches(async () => (await bob.texts()).includes('second'), true)
    await alice.stop()
    await bob.stop()
  })

  it('begins where its newest message is when it forgot how far the chain is', async () => {
    const { calm, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 3 })
    await alice.start()
    await alice.send(...numbered(0, 10))
    await calm()
    await alice.stop()
    await alice.history.commit({ records: [deleteRecord(chainKind, id)] })
    await alice.start()
    expect(await alice.keptSegments()).toEqual([3])
    await alice.send('goes on')
    await reaches(alice.texts, [...numbered(0, 10), 'goes on'])
    await reaches(alice.places, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    await alice.stop()
  })

  it('goes on over a damaged segment, says so, and opens all others', async () => {
    const { network, calm, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 3 })
    const bob = await person('bob', { maxEntries: 3 })
    await alice.start()
    await alice.send(...numbered(0, 8))
    await calm()
    bob.device.damage(addressOf(1))
    await bob.start()
    network.connect(alice.device, bob.device)
    await reaches(bob.texts, [...numbered(0, 2), ...numbered(6, 8)])
    expect(bob.problems.at(-1)).toBe('storage-corrupt')
    await bob.send('still here')
    await reaches(async () => (await alice.texts()).at(-1), 'still here')
    await alice.stop()
    await bob.stop()
  })

  it('finds after a crash what it appended to a segment that was left since, and appends it once', async () => {
    const { clock, network, calm, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 2, lateMs: 0 })
    const bob = await person('bob', { maxEntries: 2 })
    await alice.start()
    await bob.start()
    network.connect(alice.device, bob.device)
    await calm()
    // The entry is in the log, and the disk is full before that is noted.
    await alice.send('appended')
    alice.store.refuse('storage-full')
    await calm()
    expect(alice.device.entriesOf(addressOf(0))).toBeGreaterThan(0)
    await bob.send('makes the segment spent', 'and leaves it', 'for good')
    await calm()
    await alice.stop()
    alice.store.refuse(null)
    await clock.advance(DAY_MS)
    const nowMs = clock.now()
    const kept = [0, 1].map((number) => ({ number, firstSeenAtMs: nowMs, leftAtMs: nowMs }))
    const newest = { number: 2, firstSeenAtMs: nowMs, leftAtMs: null }
    await alice.history.commit({ records: [putRecord(chainKind, id, [...kept, newest])] })
    const release = alice.device.holdOpening(addressOf(0))
    await alice.start()
    await calm()
    expect(await alice.history.outbox(id)).not.toEqual([])
    release()
    await reaches(() => alice.history.outbox(id), [])
    for (const person_ of [alice, bob]) {
      await reaches(async () => (await person_.texts()).length, 4)
      expect((await person_.texts()).filter((text) => text === 'appended')).toHaveLength(1)
    }
    await reaches(alice.places, await bob.places())
    expect(await alice.texts()).toEqual(await bob.texts())
    await alice.stop()
    await bob.stop()
  })
})

describe('nodes and segments', { timeout: 60_000 }, () => {
  const receiptFor = (segment: number, hash: EntryHash, nowMs: number): PinReceipt => ({
    log: addressOf(segment),
    node: 'pim',
    nonce: '00'.repeat(16),
    heads: [hash],
    entries: 1,
    bytes: 1,
    heldUntilMs: nowMs + DAY_MS,
    issuedAtMs: nowMs
  })

  it('a receipt counts for the messages of its segment, and for no other', async () => {
    const { clock, calm, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 2 })
    await alice.start()
    await alice.send(...numbered(0, 4))
    await reaches(alice.places, [0, 0, 1, 1, 2])
    await calm()
    const hash = alice.wishes.wanted.get(addressOf(1))
    const held = alice.wishes.held.get(addressOf(1))
    if (hash === undefined || held === undefined) throw new Error('segment 1 is not wanted')
    await held.onReceipt(receiptFor(1, hash, clock.now()))
    expect(await alice.statuses()).toEqual(['on-device', 'on-device', 'held', 'held', 'on-device'])
    await alice.stop()
  })

  it('are asked for every segment with something undelivered, and for others until their time is over', async () => {
    const { clock, network, reaches, person } = createWorld()
    const alice = await person('alice', { maxEntries: 3, maxAgeMs: Infinity })
    const bob = await person('bob', { maxEntries: 3, maxAgeMs: Infinity })
    await alice.start()
    await alice.send(...numbered(0, 7))
    await reaches(alice.places, [0, 0, 0, 1, 1, 1, 2, 2])
    await alice.stop()
    await clock.advance(HOLD_FOR_MS + 2 * DAY_MS)
    await alice.start()
    const wanted = (): number[] =>
      [0, 1, 2, 3, 4, 5].filter((number) => alice.wishes.held.has(addressOf(number)))
    await reaches(async () => wanted(), [0, 1, 2])
    await bob.start()
    network.connect(alice.device, bob.device)
    await reaches(alice.statuses, Array<string>(8).fill('delivered'))
    await alice.stop()
    await clock.advance(2 * DAY_MS)
    await alice.start()
    await reaches(async () => wanted().filter((number) => number < 2), [])
    await alice.stop()
    await bob.stop()
  })
})

it('drops what was left long ago and opened, from the disk and not from the history', async () => {
  const { clock, network, calm, reaches, person } = createWorld()
  const retentionMs = 2 * DAY_MS
  const alice = await person('alice', { maxEntries: 4, retentionMs })
  const bob = await person('bob', { maxEntries: 4, retentionMs })
  await alice.start()
  await alice.send(...numbered(0, 9))
  await reaches(alice.places, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
  await alice.stop()
  await clock.advance(3 * DAY_MS)
  await alice.start()
  await calm()
  // Nobody has it yet.
  expect((await alice.keptSegments())[0]).toBe(0)
  await bob.start()
  network.connect(alice.device, bob.device)
  await reaches(alice.statuses, Array<string>(10).fill('delivered'))
  await alice.stop()
  await bob.stop()
  await clock.advance(3 * DAY_MS)
  await alice.start()
  await bob.start()
  for (const someone of [alice, bob]) {
    await reaches(async () => (await someone.keptSegments())[0], 2)
    expect([0, 1].map((number) => someone.device.entriesOf(addressOf(number)))).toEqual([0, 0])
    expect(await someone.texts()).toEqual(numbered(0, 9))
  }
  await alice.stop()
  await alice.start()
  await alice.send('goes on')
  await reaches(bob.texts, [...numbered(0, 9), 'goes on'])
  await alice.stop()
  await bob.stop()
}, 60_000)
