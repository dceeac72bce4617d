import { expect, it } from 'vitest'
import { runCrashes } from '#tests/support/crash-run.ts'
import type { CrashMoment } from '#tests/support/crash-run.ts'

it.each<[CrashMoment, number]>([
  ['append', 15],
  ['catch-up', 5]
])(
  'a process killed during %s loses nothing that it said was stored, and leaves a store that agrees with itself',
  async (during, kills) => {
    const seed = Date.now() % 2 ** 31
    console.log(`crash seed ${String(seed)}`)
    const { acknowledged } = await runCrashes({ place: 'node', during, kills, seed })
    expect(acknowledged).toBeGreaterThan(kills)
  },
  180_000
)
