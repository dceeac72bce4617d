import { describe, expect, it } from 'vitest'
import { createExpiry, GRACE_MS } from '#pinning-node/expiry.ts'
import { createLogger } from '#pinning-node/logger.ts'
import { createMetrics } from '#pinning-node/metrics.ts'
import { openNonceMemory } from '#pinning-node/nonce-memory.ts'
import type { PinService } from '#pinning-node/pin-service.ts'
import { createPinService } from '#pinning-node/pin-service.ts'
import type { Quota } from '#pinning-node/quota.ts'
import { createQuota } from '#pinning-node/quota.ts'
import type { Registry } from '#pinning-node/registry.ts'
import { openRegistry } from '#pinning-node/registry.ts'
import { createUsage } from '#pinning-node/usage.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { decodePinAnswer, encodePinRequest, verifyPinReceipt } from '#protocol/pin-codec.ts'
import type { PinAnswer, PinRequest } from '#protocol/pin-messages.ts'
import { PIN_PROTOCOL } from '#protocol/protocol-ids.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import type { FakeClock } from '#tests/support/network-clock.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'
import type { GatedLog } from '#tests/support/pin-fixtures.ts'
import { gatedLog, peerWithKey } from '#tests/support/pin-fixtures.ts'
import type { SinglePeerReplica } from '#tests/support/single-peer-replica.ts'
import { createSinglePeerReplica } from '#tests/support/single-peer-replica.ts'

const DAY_MS = 86_400_000
const verifier = createSignatureVerifier()
const pim = peerWithKey(1)
const unknownHead = hashOfBlock(Uint8Array.of(9))
const wide = createQuota({ maxLogs: 10, maxBytes: 2 ** 30, holdDays: 30 })

interface World {
  readonly service: PinService
  readonly registry: Registry
  readonly replica: SinglePeerReplica
  readonly clock: FakeClock
  readonly logged: readonly string[]
  readonly ask: (log: GatedLog, change?: Partial<PinRequest>, from?: string) => Promise<PinAnswer>
}

async function createWorld(
  init: {
    readonly quota?: Quota
    readonly store?: KeyValueStore
    readonly replica?: SinglePeerReplica
    readonly freeDiskBytes?: () => Promise<number>
  } = {}
): Promise<World> {
  const store = init.store ?? createMemoryStore()
  const replica = init.replica ?? createSinglePeerReplica(pim)
  const clock = createFakeClock()
  const registry = await openRegistry(store)
  const logged: string[] = []
  const service = createPinService(
    {
      replica,
      registry,
      nonces: await openNonceMemory(store),
      usage: createUsage(),
      verifier,
      clock,
      metrics: createMetrics(),
      logger: createLogger({ writeLine: (line) => logged.push(line) }, { format: 'json' }),
      freeDiskBytes: init.freeDiskBytes ?? (async () => 2 ** 40)
    },
    { quota: init.quota ?? wide }
  )
  await service.start()
  let nonce = 0
  return {
    service,
    registry,
    replica,
    clock,
    logged,
    ask: async (log, change = {}, from = 'alice') => {
      const writer = log.admit(1)
      const request: PinRequest = {
        manifest: log.manifest,
        kind: 'conversation',
        node: pim.peerId,
        nonce: (nonce++).toString(16).padStart(32, '0'),
        holdForMs: DAY_MS,
        heads: [],
        writer: writer.publicKey,
        certificate: writer.certificate,
        ...change
      }
      const message = await encodePinRequest(request, writer)
      return decodePinAnswer(await replica.ask(PIN_PROTOCOL, message, from))
    }
  }
}

/** Moves the clock on until `work` settles; what waits for signatures needs real turns of the event loop. */
async function settleByTime<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  const progress = { isSettled: false }
  const settled = work.finally(() => (progress.isSettled = true))
  while (!progress.isSettled) await clock.advance(100)
  return settled
}

function refused(status: string): unknown {
  return { kind: 'refuse', status }
}

describe('pin service', () => {
  it('fetches the named head and signs for what it holds', async () => {
    const { ask, replica, clock } = await createWorld()
    const log = gatedLog(1)
    replica.offer(log.address, 'one')
    const head = replica.offer(log.address, 'two')
    const nonce = 'ab'.repeat(16)
    const answer = await ask(log, { heads: [head], nonce })
    expect(answer).toMatchObject({
      kind: 'held',
      receipt: {
        receipt: {
          node: pim.peerId,
          log: log.address,
          heads: [head],
          entries: 2,
          bytes: 200,
          issuedAtMs: clock.now(),
          heldUntilMs: clock.now() + DAY_MS,
          nonce
        }
      }
    })
    if (answer.kind !== 'held') throw new Error('not held')
    const expected = { node: pim.peerId, nonce, log: log.address }
    expect(await verifyPinReceipt(verifier, answer.receipt, expected)).toBe(true)
  })

  it('answers after five seconds without a head that never comes, and does not claim it', async () => {
    const { ask, clock } = await createWorld()
    const log = gatedLog(1)
    const startMs = clock.now()
    const answer = await settleByTime(clock, ask(log, { heads: [unknownHead] }))
    expect(answer).toMatchObject({ kind: 'held', receipt: { receipt: { heads: [], entries: 0 } } })
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(5_000)
  })

  it('renews a promise', async () => {
    const { ask, clock } = await createWorld()
    await ask(gatedLog(1))
    await clock.advance(DAY_MS / 2)
    expect(await ask(gatedLog(1))).toMatchObject({
      receipt: { receipt: { heldUntilMs: clock.now() + DAY_MS } }
    })
  })

  it('answers a request once, also after a restart', async () => {
    const store = createMemoryStore()
    const first = await createWorld({ store })
    const nonce = 'cd'.repeat(16)
    expect(await first.ask(gatedLog(1), { nonce })).toMatchObject({ kind: 'held' })
    expect(await first.ask(gatedLog(1), { nonce })).toEqual(refused('replayed'))
    const second = await createWorld({ store })
    expect(await second.ask(gatedLog(1), { nonce })).toEqual(refused('replayed'))
  })

  it('answers one of two equal requests that come at once', async () => {
    const { ask } = await createWorld()
    const nonce = 'ef'.repeat(16)
    const answers = await Promise.all([ask(gatedLog(1), { nonce }), ask(gatedLog(1), { nonce })])
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['held', 'refuse'])
  })

  it('refuses a request for another node, and keeps its nonce free', async () => {
    const { ask } = await createWorld()
    const nonce = '12'.repeat(16)
    expect(await ask(gatedLog(1), { nonce, node: peerWithKey(2).peerId })).toEqual(
      refused('wrong-node')
    )
    expect(await ask(gatedLog(1), { nonce })).toMatchObject({ kind: 'held' })
  })

  it('refuses a writer whom the gate did not admit, and stores nothing', async () => {
    const { ask, registry } = await createWorld()
    const { certificate } = gatedLog(2).admit(1)
    expect(await ask(gatedLog(1), { certificate })).toEqual(refused('bad-signature'))
    expect(registry.size()).toBe(0)
  })

  it.each([0, 1, 100, 16_384])('refuses %i bytes of junk as malformed', async (length) => {
    const { replica } = await createWorld()
    const answer = await replica.ask(PIN_PROTOCOL, new Uint8Array(length).fill(0xff), 'eve')
    expect(decodePinAnswer(answer)).toEqual(refused('malformed'))
  })

  it('takes no more logs than its quota, also when they come at once', async () => {
    const { ask, registry } = await createWorld({
      quota: createQuota({ maxLogs: 3, maxBytes: 2 ** 30, holdDays: 30 })
    })
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => ask(gatedLog(n))))
    expect(answers.filter(({ kind }) => kind === 'held')).toHaveLength(3)
    expect(
      answers.filter((answer) => answer.kind === 'refuse' && answer.status === 'over-quota')
    ).toHaveLength(5)
    expect(registry.size()).toBe(3)
  })

  it('says that a log is full instead of waiting for entries that it turned away', async () => {
    const quota: Quota = {
      ...wide,
      logs: { ...wide.logs, drop: { maxEntries: 2, maxBytes: 2 ** 20, maxHoldMs: DAY_MS } }
    }
    const { ask, replica } = await createWorld({ quota })
    const log = gatedLog(1)
    const second = ['one', 'two'].map((text) => replica.offer(log.address, text))[1] ?? unknownHead
    const third = replica.offer(log.address, 'three')
    expect(await ask(log, { kind: 'drop', heads: [third] })).toEqual(refused('over-quota'))
    expect(await ask(log, { kind: 'conversation', heads: [third] })).toEqual(refused('over-quota'))
    expect(await ask(log, { kind: 'drop', heads: [second] })).toMatchObject({
      receipt: { receipt: { entries: 2 } }
    })
  })

  it('keeps no place for a new log of which it can store nothing', async () => {
    const quota: Quota = {
      ...wide,
      logs: { ...wide.logs, drop: { maxEntries: 2, maxBytes: 10, maxHoldMs: DAY_MS } }
    }
    const { ask, replica, registry } = await createWorld({ quota })
    const log = gatedLog(1)
    const heads = [replica.offer(log.address, 'one')]
    const both = [ask(log, { kind: 'drop', heads }), ask(log, { kind: 'drop', heads })]
    expect(await Promise.all(both)).toEqual([refused('over-quota'), refused('over-quota')])
    expect(registry.size()).toBe(0)
    expect(replica.get(log.address)).toBeUndefined()
    expect(await ask(log, { kind: 'conversation', heads })).toMatchObject({ kind: 'held' })
  })

  it('keeps a promise that it gave about an empty log, whatever it refuses later', async () => {
    const quota: Quota = {
      ...wide,
      logs: { ...wide.logs, drop: { maxEntries: 2, maxBytes: 10, maxHoldMs: DAY_MS } }
    }
    const { ask, replica, registry } = await createWorld({ quota })
    const log = gatedLog(1)
    expect(await ask(log, { kind: 'drop' })).toMatchObject({ kind: 'held' })
    const heads = [replica.offer(log.address, 'one')]
    expect(await ask(log, { kind: 'drop', heads })).toEqual(refused('over-quota'))
    expect(registry.size()).toBe(1)
  })

  it('counts the bytes of all logs together', async () => {
    const { ask, replica } = await createWorld({
      quota: createQuota({ maxLogs: 10, maxBytes: 300, holdDays: 1 })
    })
    const [one, two] = [gatedLog(1), gatedLog(2)]
    replica.offer(one.address, 'a')
    const first = replica.offer(one.address, 'b')
    replica.offer(two.address, 'c')
    const last = replica.offer(two.address, 'd')
    expect(await ask(one, { heads: [first] })).toMatchObject({ kind: 'held' })
    expect(await ask(two, { heads: [last] })).toEqual(refused('storage-full'))
    expect(await ask(gatedLog(3))).toEqual(refused('storage-full'))
  })

  it('says storage-full when the disk is', async () => {
    const { ask, replica, registry } = await createWorld()
    replica.failOpening(new DeadDropError('storage-full', 'no space left'))
    expect(await ask(gatedLog(1))).toEqual(refused('storage-full'))
    expect(registry.size()).toBe(0)
    replica.failOpening(undefined)
    expect(await ask(gatedLog(1))).toMatchObject({ kind: 'held' })
  })

  it('bounds what one peer may have under way, and serves the others', async () => {
    const { ask, clock } = await createWorld({
      quota: createQuota({ maxLogs: 1_000, maxBytes: 2 ** 30, holdDays: 1 })
    })
    const greedy = Array.from({ length: 40 }, (_, n) =>
      ask(gatedLog(n), { heads: [unknownHead] }, 'eve')
    )
    const busy = await Promise.all(greedy.slice(32))
    expect(busy).toEqual(Array.from({ length: 8 }, () => refused('busy')))
    expect(await ask(gatedLog(99), {}, 'bob')).toMatchObject({ kind: 'held' })
    const answers = await settleByTime(clock, Promise.all(greedy))
    expect(answers.filter(({ kind }) => kind === 'held')).toHaveLength(32)
  })

  it('opens nothing at the start, and counts what it holds all the same', async () => {
    const store = createMemoryStore()
    const first = await createWorld({ store })
    const logs = Array.from({ length: 8 }, (_, n) => gatedLog(n))
    for (const log of logs)
      await first.ask(log, { heads: [first.replica.offer(log.address, `of ${log.address}`)] })
    const second = await createWorld({
      store,
      replica: first.replica,
      quota: createQuota({ maxLogs: 10, maxBytes: 800, holdDays: 1 })
    })
    const nonce = '9a'.repeat(16)
    expect(await second.ask(gatedLog(9), { nonce })).toEqual(refused('storage-full'))
    const third = await createWorld({ store })
    for (const { address } of logs) expect(third.replica.get(address)).toBeUndefined()
  })

  it('tells the operator once of a log that is broken', async () => {
    const { ask, replica, logged } = await createWorld()
    replica.failOpening(new DeadDropError('storage-corrupt', 'index is broken'))
    for (let count = 0; count < 2; count++)
      await expect(ask(gatedLog(1))).rejects.toThrow('index is broken')
    expect(logged.filter((line) => line.includes('open-failed'))).toHaveLength(1)
  })

  it('refuses while stopping, and lets nobody wait', async () => {
    const { ask, service, replica } = await createWorld()
    const waiting = ask(gatedLog(1), { heads: [unknownHead] })
    while (replica.get(gatedLog(1).address) === undefined) await new Promise(setImmediate)
    await service.stop()
    expect(await waiting).toEqual(refused('stopping'))
    expect(await ask(gatedLog(2))).toEqual(refused('stopping'))
    await service.stop()
  })
})

describe('expiry', () => {
  async function createExpiringWorld(freeDiskBytes = async () => 2 ** 40) {
    const world = await createWorld({ freeDiskBytes })
    const errors: unknown[] = []
    const expiry = createExpiry({
      ...world,
      onSwept: () => undefined,
      onError: (error) => errors.push(error)
    })
    return { ...world, expiry, errors }
  }

  it('keeps a log for a day longer than promised, then deletes it', async () => {
    const { ask, clock, expiry, registry, replica } = await createExpiringWorld()
    await ask(gatedLog(1))
    await clock.advance(DAY_MS + GRACE_MS)
    expect(await expiry.sweep()).toBe(0)
    await clock.advance(1)
    expect(await expiry.sweep()).toBe(1)
    expect(registry.size()).toBe(0)
    expect(replica.forgotten).toEqual([gatedLog(1).address])
  })

  it('makes room', async () => {
    const { ask, clock, expiry } = await createExpiringWorld()
    for (let n = 0; n < 10; n++) await ask(gatedLog(n))
    expect(await ask(gatedLog(10))).toEqual(refused('over-quota'))
    await clock.advance(DAY_MS + GRACE_MS + 1)
    await expiry.sweep()
    expect(await ask(gatedLog(10))).toMatchObject({ kind: 'held' })
  })

  it('leaves a log that is being asked for', async () => {
    const gate = Promise.withResolvers<number>()
    const answers = [Promise.resolve(2 ** 40), gate.promise]
    const { ask, clock, expiry } = await createExpiringWorld(() => answers.shift() ?? gate.promise)
    const log = gatedLog(1)
    await ask(log, { holdForMs: 0 })
    await clock.advance(GRACE_MS + 1)
    const waiting = ask(log, { holdForMs: 0 })
    while (answers.length > 0) await new Promise(setImmediate)
    expect(await expiry.sweep()).toBe(0)
    gate.resolve(2 ** 40)
    expect(await waiting).toMatchObject({ kind: 'held' })
    await clock.advance(GRACE_MS + 1)
    expect(await expiry.sweep()).toBe(1)
  })

  it('sweeps again every minute, until it is stopped', async () => {
    const { ask, clock, expiry, registry } = await createExpiringWorld()
    expiry.start()
    await ask(gatedLog(1), { holdForMs: 0 })
    await clock.advance(GRACE_MS + 60_001)
    while (registry.size() > 0) await new Promise(setImmediate)
    await expiry.stop()
    await ask(gatedLog(1), { holdForMs: 0 })
    await clock.advance(GRACE_MS + 60_001)
    expect(registry.size()).toBe(1)
  })

  it('tells of a failure and tries again', async () => {
    const { ask, clock, expiry, registry, replica, errors } = await createExpiringWorld()
    await ask(gatedLog(1), { holdForMs: 0 })
    const forget = replica.forget.bind(replica)
    replica.forget = () => Promise.reject(new DeadDropError('storage-denied', 'disk is gone'))
    await clock.advance(GRACE_MS + 1)
    expiry.start()
    while (errors.length === 0) await new Promise(setImmediate)
    expect(registry.size()).toBe(1)
    replica.forget = forget
    await new Promise(setImmediate)
    await clock.advance(60_000)
    while (registry.size() > 0) await new Promise(setImmediate)
    await expiry.stop()
  })
})
