import { describe, expect, it } from 'vitest'
import { createAutoLock, type AutoLock } from '#client/auto-lock.ts'
import type { Settings } from '#client/client.ts'
import { createFakeClock, type FakeClock } from '#tests/support/network-clock.ts'

const MINUTE = 60_000

function watched(policy: Settings['autoLock']): {
  readonly clock: FakeClock
  readonly autoLock: AutoLock
  readonly locks: () => number
} {
  const clock = createFakeClock()
  let locks = 0
  const autoLock = createAutoLock({ clock, lock: () => (locks += 1) })
  autoLock.setVisible(true)
  autoLock.setPolicy(policy)
  return { clock, autoLock, locks: () => locks }
}

describe('locking by itself', () => {
  it('happens once, so long after the last use as was chosen', async () => {
    const { clock, autoLock, locks } = watched('five-minutes')
    await clock.advance(4 * MINUTE)
    autoLock.active()
    await clock.advance(5 * MINUTE - 1)
    expect(locks()).toBe(0)
    await clock.advance(1)
    expect(locks()).toBe(1)
    await clock.advance(60 * MINUTE)
    expect(locks()).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('waits half an hour where that was chosen, and for ever where never was', async () => {
    const half = watched('thirty-minutes')
    await half.clock.advance(30 * MINUTE - 1)
    expect(half.locks()).toBe(0)
    await half.clock.advance(1)
    expect(half.locks()).toBe(1)
    const never = watched('never')
    await never.clock.advance(10_000 * MINUTE)
    expect(never.locks()).toBe(0)
  })

  it('a page that stays hidden for five minutes locks, one that comes back in time does not', async () => {
    const { clock, autoLock, locks } = watched('hidden')
    await clock.advance(60 * MINUTE)
    autoLock.setVisible(false)
    await clock.advance(5 * MINUTE - 1)
    autoLock.setVisible(true)
    await clock.advance(60 * MINUTE)
    expect(locks()).toBe(0)
    autoLock.setVisible(false)
    await clock.advance(5 * MINUTE)
    expect(locks()).toBe(1)
  })

  it('a device that slept past the time locks at the first touch or sight, which count for nothing', () => {
    for (const wake of ['active', 'setVisible'] as const) {
      let now = 0
      let locks = 0
      // The timers of a sleeping device do not run.
      const clock = { now: () => now, after: () => () => undefined }
      const autoLock = createAutoLock({ clock, lock: () => (locks += 1) })
      autoLock.setPolicy('five-minutes')
      autoLock.setVisible(false)
      now = 6 * MINUTE
      if (wake === 'active') autoLock.active()
      else autoLock.setVisible(true)
      expect(locks, wake).toBe(1)
    }
  })

  it('a shorter time that is chosen counts from the last use', async () => {
    const { clock, autoLock, locks } = watched('thirty-minutes')
    await clock.advance(10 * MINUTE)
    autoLock.setPolicy('five-minutes')
    expect(locks()).toBe(1)
  })

  it('nothing happens after the end', async () => {
    const { clock, autoLock, locks } = watched('five-minutes')
    autoLock.stop()
    await clock.advance(60 * MINUTE)
    autoLock.active()
    autoLock.setVisible(false)
    expect(locks()).toBe(0)
  })
})
