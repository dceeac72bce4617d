import { expect, it } from 'vitest'
import { runSlices } from '#client/run-slices.ts'

function* count(steps: number): Generator<number, string> {
  for (let step = 1; step <= steps; step++) yield step
  return 'done'
}

it('a long computation gives other tasks their turn, and says how far it is', async () => {
  let nowMs = 0
  let turns = 0
  const progress: number[] = []
  const tick = setInterval(() => turns++, 0)
  const result = await runSlices(count(1_000), {
    now: () => (nowMs += 5),
    onProgress: (done) => progress.push(done)
  })
  await expect.poll(() => turns).toBeGreaterThan(0)
  clearInterval(tick)
  expect(result).toBe('done')
  expect(progress.length).toBeGreaterThan(100)
  expect(progress).toEqual([...progress].sort((a, b) => a - b))
})

it('a short one is not interrupted', async () => {
  const progress: number[] = []
  await runSlices(count(1_000), { now: () => 0, onProgress: (done) => progress.push(done) })
  expect(progress).toEqual([])
})

it('one that is stopped ends with the next slice', async () => {
  const stopped = new AbortController()
  let nowMs = 0
  const running = runSlices(count(1_000), {
    now: () => (nowMs += 5),
    onProgress: () => {
      stopped.abort()
    },
    signal: stopped.signal
  })
  await expect(running).rejects.toMatchObject({ code: 'stopped' })
})
