/**
 * The long run: `npm run crash -- --kills 200 [--seed 1] [--chromium] [--during append|catch-up]`. So many kills hit a process
 * that appends, and as many one that catches up; with `--chromium` they hit whole browsers. Ends with 1 at the first store
 * that lies.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { runCrashes } from '../support/crash-run.ts'
import type { CrashMoment } from '../support/crash-run.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    chromium: { type: 'boolean', default: false },
    during: { type: 'string' }
  }
})
const kills = Number(values.kills)
const seed = Number(values.seed)
const moments = (['append', 'catch-up'] satisfies CrashMoment[]).filter(
  (moment) => moment === (values.during ?? moment)
)
if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed) || moments.length < 1)
  throw new Error(
    'usage: npm run crash -- --kills COUNT [--seed NUMBER] [--chromium] [--during append|catch-up]'
  )
const place = values.chromium ? 'chromium' : 'node'
console.log(`seed ${String(seed)}, ${String(kills)} kills of each kind in ${place}`)

for (const during of moments) {
  const startMs = performance.now()
  const report = await runCrashes({
    place,
    during,
    kills,
    seed,
    onKill: (kill, entries) => {
      const seconds = ((performance.now() - startMs) / 1_000).toFixed(0)
      console.log(
        `${place}, ${during}: kill ${String(kill)} of ${String(kills)}, ${String(entries)} entries, ${seconds} s`
      )
    }
  })
  const halves =
    place === 'node'
      ? ''
      : `, ${String(report.halfRecords)} kills inside a write (${String(report.plantedHalfRecords)} made so)`
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(0)
  console.log(
    `summary of ${place}, ${during}: ${String(kills)} kills in ${seconds} s, ${String(report.acknowledged)} acknowledged entries there at the end, ${String(report.resets)} databases lost${halves}`
  )
  if (report.resets > 0) process.exitCode = 1
}
