import { expect, it } from 'vitest'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import type { SyncOutcome } from '#replica/replica.ts'
import { createSyncScheduler } from '#replica/sync/sync-scheduler.ts'
import type { SyncScheduler } from '#replica/sync/sync-scheduler.ts'

const address = readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(1))}`)
const other = readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(2))}`)
const settled: SyncOutcome = { peerId: 'bob', kind: 'settled', received: 0, sent: 0 }

function createHeld(): { readonly scheduler: SyncScheduler; readonly finish: () => void } {
  const finished = Promise.withResolvers<SyncOutcome>()
  return {
    scheduler: createSyncScheduler({
      clock: createSystemClock(),
      exchange: () => finished.promise
    }),
    finish: () => {
      finished.resolve(settled)
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
  const endFirst = scheduler.noteAnswering(address, 'bob')
  const endSecond = scheduler.noteAnswering(address, 'bob')
  const run = note(scheduler.run(address, 'bob'), 'ran', seen)
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
  await new Promise((resolve) => setImmediate(resolve))
  seen.push('second ends')
  endSecond()
  await idle
  expect(seen).toEqual(['second ends', 'idle'])
})
