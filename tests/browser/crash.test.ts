import { expect, it } from 'vitest'
import { runCrashes } from '#tests/support/crash-run.ts'
import type { CrashMoment } from '#tests/support/crash-run.ts'

it.each<[CrashMoment, number]>([
  ['append', 4],
  ['catch-up', 3]
])(
  'a browser killed during %s loses nothing that the page was told is stored, also when it died in the middle of a write',
  async (during, kills) => {
    const seed = Date.now() % 2 ** 31
    console.log(`crash seed ${String(seed)}`)
    const report = await runCrashes({
      place: 'chromium',
      during,
      kills,
      seed,
      halfRecordShare: 1
    })
    expect(report.resets).toBe(0)
    expect(report.halfRecords).toBe(kills)
    expect(report.acknowledged).toBeGreaterThan(kills)
  },
  180_000
)
