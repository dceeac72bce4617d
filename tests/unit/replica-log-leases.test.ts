import { expect, it } from 'vitest'
import type { LogAddress } from '#protocol/brand.ts'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import { createLogLeases } from '#replica/sync/log-leases.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'

const MINUTE_MS = 60_000

function addressNo(n: number): LogAddress {
  return readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(n))}`)
}

function createWorld(maxIdle?: number) {
  const clock = createFakeClock()
  const closed: LogAddress[] = []
  const leases = createLogLeases(
    { clock, close: (address) => closed.push(address) },
    maxIdle === undefined ? {} : { maxIdle }
  )
  return { clock, closed, leases }
}

it('a log that nobody uses is closed after a minute', async () => {
  const { clock, closed, leases } = createWorld()
  leases.take(addressNo(1))()
  await clock.advance(MINUTE_MS - 1)
  expect(closed).toEqual([])
  await clock.advance(1)
  expect(closed).toEqual([addressNo(1)])
  expect(clock.pending).toBe(0)
})

it('a log is not closed while anybody uses it, and the minute begins anew afterwards', async () => {
  const { clock, closed, leases } = createWorld()
  const release = leases.take(addressNo(1))
  leases.take(addressNo(1))()
  await clock.advance(10 * MINUTE_MS)
  expect(closed).toEqual([])
  release()
  await clock.advance(MINUTE_MS / 2)
  leases.take(addressNo(1))()
  await clock.advance(MINUTE_MS - 1)
  expect(closed).toEqual([])
  await clock.advance(1)
  expect(closed).toEqual([addressNo(1)])
})

it('beyond the bound the log unused for longest is closed at once', () => {
  const { closed, leases } = createWorld(2)
  for (const n of [1, 2]) leases.take(addressNo(n))()
  leases.take(addressNo(1))()
  leases.take(addressNo(3))()
  expect(closed).toEqual([addressNo(2)])
})

it('any number of idle logs costs one timer, which ends with the engine', async () => {
  const { clock, closed, leases } = createWorld()
  for (let n = 0; n < 100; n++) leases.take(addressNo(n))()
  expect(clock.pending).toBe(1)
  leases.stop()
  await clock.advance(10 * MINUTE_MS)
  expect(closed).toEqual([])
})
