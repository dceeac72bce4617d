import { expect, it } from 'vitest'
import { createLiveFrameMemory } from '#replica/sync/live-frame-memory.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'

const DAY_MS = 86_400_000
const SECOND_MS = 1_000

it('of one writer only newer frames count', () => {
  const clock = createFakeClock(DAY_MS)
  const memory = createLiveFrameMemory({ clock })
  expect(memory.isNew('alice', DAY_MS)).toBe(true)
  expect(memory.isNew('alice', DAY_MS)).toBe(false)
  expect(memory.isNew('alice', DAY_MS - 1)).toBe(false)
  expect(memory.isNew('alice', DAY_MS + 1)).toBe(true)
  expect(memory.isNew('bob', DAY_MS - 1)).toBe(true)
})

it('a writer whose clock is a day ahead is heard, and none of these frames twice', async () => {
  const clock = createFakeClock(DAY_MS)
  const memory = createLiveFrameMemory({ clock })
  expect(memory.isNew('alice', 2 * DAY_MS)).toBe(true)
  await clock.advance(SECOND_MS)
  expect(memory.isNew('alice', 2 * DAY_MS + SECOND_MS)).toBe(true)
  expect(memory.isNew('alice', 2 * DAY_MS)).toBe(false)
  expect(memory.isNew('alice', 2 * DAY_MS + SECOND_MS)).toBe(false)
})

it('a writer whose clock was corrected is heard at once', async () => {
  const clock = createFakeClock(DAY_MS)
  const memory = createLiveFrameMemory({ clock })
  expect(memory.isNew('alice', 2 * DAY_MS)).toBe(true)
  await clock.advance(SECOND_MS)
  expect(memory.isNew('alice', DAY_MS + SECOND_MS)).toBe(true)
  expect(memory.isNew('alice', DAY_MS + SECOND_MS)).toBe(false)
})

it('a time that looks right never mutes a writer for longer than a clock may be off', async () => {
  const clock = createFakeClock(DAY_MS)
  const memory = createLiveFrameMemory({ clock })
  expect(memory.isNew('alice', DAY_MS + 5 * 60 * SECOND_MS)).toBe(true)
  await clock.advance(5 * 60 * SECOND_MS + 1)
  expect(memory.isNew('alice', clock.now())).toBe(true)
})
