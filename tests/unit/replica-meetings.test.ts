import { expect, it } from 'vitest'
import type { LogAddress } from '#protocol/brand.ts'
import { MAX_DIGEST_LOGS } from '#protocol/limits.ts'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import type { SyncOutcome } from '#replica/replica.ts'
import type { Comparison } from '#replica/sync/digest-messages.ts'
import { createMeetings } from '#replica/sync/meetings.ts'
import { createSyncScheduler } from '#replica/sync/sync-scheduler.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'

const GATHER_MS = 20
const SECOND_WORD_MS = 2_000

function addressNo(n: number): LogAddress {
  return readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(n >> 8, n & 0xff))}`)
}

/** Alice, who is connected to Bob; what Bob says is up to the test. */
function createWorld(logCount: number) {
  const clock = createFakeClock()
  const open = Array.from({ length: logCount }, (_, n) => addressNo(n))
  const entries = new Map(open.map((address) => [address, 1]))
  const following = new Set<LogAddress>()
  const digests: (readonly LogAddress[])[] = []
  const exchanges: LogAddress[] = []
  const world: {
    answerTo: (address: LogAddress) => Comparison
    digestFails: 'unsupported' | 'failed' | undefined
    outcome: SyncOutcome['kind']
  } = { answerTo: () => 'same', digestFails: undefined, outcome: 'settled' }
  const entriesOf = (address: LogAddress): number | undefined => entries.get(address)
  const scheduler = createSyncScheduler({
    clock,
    entriesOf,
    exchange: async (address, peerId) => {
      exchanges.push(address)
      if (world.outcome === 'settled')
        scheduler.noteSettled(address, peerId, entriesOf(address) ?? 0)
      return { peerId, kind: world.outcome, received: 0, sent: 0 }
    }
  })
  const meetings = createMeetings({
    clock,
    scheduler,
    peers: () => ['bob'],
    openLogs: () => open,
    heldLogsOf: () => [],
    entriesOf,
    isFollowing: (address) => following.has(address),
    compare: async (_peerId, addresses) => {
      digests.push(addresses)
      return world.digestFails ?? addresses.map((address) => world.answerTo(address))
    }
  })
  const follow = (address: LogAddress): void => {
    following.add(address)
    meetings.onFollowed(address, 'bob')
  }
  return { clock, open, entries, digests, exchanges, world, scheduler, meetings, follow }
}

it('the one who dials compares all logs in one digest, and exchanges those that differ', async () => {
  const { clock, open, digests, exchanges, world, meetings } = createWorld(10)
  world.answerTo = (address) => (address === open[3] ? 'different' : 'same')
  meetings.onConnected('bob', true)
  await clock.advance(GATHER_MS)
  expect(digests).toEqual([open])
  expect(exchanges).toEqual([open[3]])
})

it('more logs than fit one digest are compared in several', async () => {
  const { clock, digests, meetings } = createWorld(MAX_DIGEST_LOGS + 7)
  meetings.onConnected('bob', true)
  await clock.advance(GATHER_MS)
  expect(digests.map(({ length }) => length)).toEqual([MAX_DIGEST_LOGS, 7])
})

it('the one who is dialled says nothing, unless the other does not begin in two seconds', async () => {
  const { clock, open, digests, meetings, follow } = createWorld(10)
  meetings.onConnected('bob', false)
  for (const address of open) follow(address)
  await clock.advance(SECOND_WORD_MS - 1)
  expect(digests).toEqual([])
  await clock.advance(1 + GATHER_MS)
  expect(digests).toEqual([open])
})

it('what the other has compared in time is not compared again', async () => {
  const { clock, open, entries, digests, exchanges, scheduler, meetings, follow } = createWorld(10)
  meetings.onConnected('bob', false)
  for (const address of open) follow(address)
  await clock.advance(SECOND_WORD_MS / 2)
  for (const address of open) scheduler.noteSettled(address, 'bob', entries.get(address) ?? 0)
  await clock.advance(10 * SECOND_WORD_MS)
  expect([digests, exchanges]).toEqual([[], []])
})

it('a log that has grown since it settled is compared as soon as the peer follows it', async () => {
  const { clock, open, entries, exchanges, scheduler, meetings, follow } = createWorld(1)
  const [address] = open as [LogAddress]
  meetings.onConnected('bob', false)
  scheduler.noteSettled(address, 'bob', 1)
  entries.set(address, 2)
  follow(address)
  await clock.advance(GATHER_MS)
  expect(exchanges).toEqual([address])
})

it('a log that the peer does not follow is not asked for again until it does', async () => {
  const { clock, open, digests, world, meetings, follow } = createWorld(3)
  world.answerTo = (address) => (address === open[0] ? 'unknown' : 'same')
  meetings.onConnected('bob', true)
  await clock.advance(GATHER_MS)
  meetings.compareAll()
  await clock.advance(GATHER_MS)
  follow(open[0] as LogAddress)
  await clock.advance(0)
  meetings.compareAll()
  await clock.advance(GATHER_MS)
  expect(digests).toEqual([open, open.slice(1), open])
})

it('a new log is exchanged at once, without a digest', async () => {
  const { clock, open, entries, digests, exchanges, meetings } = createWorld(1)
  const [address] = open as [LogAddress]
  entries.set(address, 0)
  meetings.onOpened(address)
  await clock.advance(0)
  expect([digests, exchanges]).toEqual([[], [address]])
})

it('logs that are opened one after the other share a digest', async () => {
  const { clock, open, digests, exchanges, meetings } = createWorld(50)
  for (const address of open) meetings.onOpened(address)
  await clock.advance(GATHER_MS)
  expect(digests).toEqual([open])
  expect(exchanges).toEqual([])
})

it('a peer without digests is met log by log, those that it follows', async () => {
  const { clock, open, digests, exchanges, world, meetings, follow } = createWorld(5)
  world.digestFails = 'unsupported'
  meetings.onConnected('bob', true)
  await clock.advance(GATHER_MS)
  follow(open[2] as LogAddress)
  await clock.advance(GATHER_MS)
  meetings.compareAll()
  await clock.advance(GATHER_MS)
  expect(digests).toHaveLength(1)
  expect(new Set(exchanges)).toEqual(new Set([open[2]]))
})

it('an exchange that fails again and again is left to anti-entropy', async () => {
  const { clock, open, exchanges, world, meetings, follow } = createWorld(1)
  world.outcome = 'failed'
  meetings.onConnected('bob', false)
  follow(open[0] as LogAddress)
  await clock.advance(60 * SECOND_WORD_MS)
  expect(exchanges).toHaveLength(5)
  await meetings.runRound(0)
  await clock.advance(0)
  expect(exchanges).toHaveLength(6)
})

it('a round leaves out what has settled lately, and compares everything else', async () => {
  const { clock, open, entries, digests, scheduler, meetings } = createWorld(4)
  meetings.onConnected('bob', false)
  scheduler.noteSettled(open[0] as LogAddress, 'bob', 1)
  await clock.advance(30_000)
  scheduler.noteSettled(open[1] as LogAddress, 'bob', 1)
  scheduler.noteSettled(open[2] as LogAddress, 'bob', 1)
  entries.set(open[2] as LogAddress, 2)
  await meetings.runRound(clock.now() - 20_000)
  expect(digests).toEqual([[open[0], open[2], open[3]]])
})

it('nothing happens after the peer has gone, or the engine has stopped', async () => {
  const gone = createWorld(5)
  gone.meetings.onConnected('bob', true)
  gone.meetings.onDisconnected('bob')
  const stopped = createWorld(5)
  stopped.meetings.onConnected('bob', true)
  stopped.meetings.stop()
  for (const { clock, digests } of [gone, stopped]) {
    await clock.advance(60_000)
    expect(digests).toEqual([])
    expect(clock.pending).toBe(0)
  }
})
