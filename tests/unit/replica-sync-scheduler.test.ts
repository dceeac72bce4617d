import { expect, it } from 'vitest'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import type { SyncOutcome } from '#replica/replica.ts'
import { createSyncScheduler } from '#replica/sync/sync-scheduler.ts'
import type { SyncScheduler } from '#replica/sync/sync-scheduler.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'

const address = readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(1))}`)
const other = readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(2))}`)
const outcome: SyncOutcome = { peerId: 'bob', kind: 'settled', received: 0, sent: 0 }

function createHeld(): {
  readonly scheduler: SyncScheduler
  readonly finish: () => void
  /** Exchanges that have begun. */
  readonly begun: () => number
} {
  const finished = Promise.withResolvers<SyncOutcome>()
  let begun = 0
  return {
    scheduler: createSyncScheduler({
      clock: createSystemClock(),
      entriesOf: () => 0,
      exchange: () => {
        begun++
        return finished.promise
      }
    }),
    begun: () => begun,
    finish: () => {
      finished.resolve(outcome)
    }
  }
}

/** Notes when `promise` resolves, in the list that the test looks at. */
function note(promise: Promise<unknown>, name: string, seen: string[]): Promise<void> {
  return promise.then(() => void seen.push(name))
}

it('a log is idle with a peer when neither side has an exchange running', async () => {
  const { scheduler, finish } = createHeld()
  const seen: string[] = []
  await scheduler.whenIdle(address, 'bob')
  const run = note(scheduler.run(address, 'bob'), 'ran', seen)
  await settled()
  const endFirst = scheduler.noteAnswering(address, 'bob')
  const endSecond = scheduler.noteAnswering(address, 'bob')
  const idle = note(scheduler.whenIdle(address, 'bob'), 'idle', seen)
  await scheduler.whenIdle(address, 'carol')
  await scheduler.whenIdle(other, 'bob')
  endFirst()
  finish()
  await run
  seen.push('answered')
  endSecond()
  await idle
  expect(seen).toEqual(['ran', 'answered', 'idle'])
})

it('an exchange that begins before the last one ends is waited for too', async () => {
  const { scheduler } = createHeld()
  const seen: string[] = []
  const endFirst = scheduler.noteAnswering(address, 'bob')
  const idle = note(scheduler.whenIdle(address, 'bob'), 'idle', seen)
  const endSecond = scheduler.noteAnswering(address, 'bob')
  endFirst()
  await settled()
  seen.push('second ends')
  endSecond()
  await idle
  expect(seen).toEqual(['second ends', 'idle'])
})

it('an exchange waits for the one that the peer has begun, which carries the same entries', async () => {
  const { scheduler, finish, begun } = createHeld()
  const end = scheduler.noteAnswering(address, 'bob')
  const run = scheduler.run(address, 'bob')
  await settled()
  expect(begun()).toBe(0)
  end()
  finish()
  await run
  expect(begun()).toBe(1)
})

it('a log that has settled since is not exchanged again, also when that happened while it waited', async () => {
  const { scheduler, begun } = createHeld()
  const end = scheduler.noteAnswering(address, 'bob')
  const since = scheduler.mark()
  const settling = scheduler.settle(address, 'bob', since)
  scheduler.noteSettled(address, 'bob', 0)
  end()
  expect((await settling).kind).toBe('settled')
  expect((await scheduler.settle(address, 'bob', since)).kind).toBe('settled')
  expect(begun()).toBe(0)
})

it('no more than eight exchanges run with one peer, and each of the others has its turn', async () => {
  const { scheduler, finish, begun } = createHeld()
  const addresses = Array.from({ length: 20 }, (_, n) =>
    readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(3, n))}`)
  )
  const runs = addresses.map((each) => scheduler.run(each, 'bob'))
  await settled()
  expect(begun()).toBe(8)
  expect(scheduler.underWay('bob')).toBe(20)
  finish()
  await Promise.all(runs)
  expect(begun()).toBe(20)
  expect(scheduler.underWay('bob')).toBe(0)
})

/** Everything that can happen without time or input has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

it('an empty log is filled by one peer; others wait while entries come, and not for one that hangs', async () => {
  const clock = createFakeClock()
  const begun: string[] = []
  const endings = new Map<string, () => void>()
  let entries = 0
  const scheduler = createSyncScheduler({
    clock,
    entriesOf: () => entries,
    exchange: (_address, peerId) => {
      begun.push(peerId)
      return new Promise((resolve) => {
        endings.set(peerId, () => {
          resolve({ ...outcome, peerId })
        })
      })
    }
  })
  const runs = ['bob', 'carol', 'dave'].map((peerId) => scheduler.run(address, peerId))
  await clock.advance(999)
  entries = 100
  await clock.advance(1)
  expect(begun).toEqual(['bob'])
  entries = 200
  endings.get('bob')?.()
  await clock.advance(1)
  expect(begun).toEqual(['bob', 'carol', 'dave'])

  entries = 0
  for (const end of endings.values()) end()
  await Promise.all(runs)
  const again = ['bob', 'carol'].map((peerId) => scheduler.run(address, peerId))
  await clock.advance(999)
  expect(begun.slice(3)).toEqual(['bob'])
  await clock.advance(1)
  expect(begun.slice(3)).toEqual(['bob', 'carol'])
  for (const end of endings.values()) end()
  await Promise.all(again)
})
