/**
 * The long run: `npm run crash -- --kills 200 [--seed 1] [--chromium]`. Half of the kills hit appending, half catching up;
 * with `--chromium` all of them hit a browser that appends. Ends with 1 at the first store that lies.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { runCrashes } from '../support/crash-run.ts'
import type { CrashKind } from '../support/crash-run.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    chromium: { type: 'boolean', default: false }
  }
})
const kills = Number(values.kills)
const seed = Number(values.seed)
if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed))
  throw new Error('usage: npm run crash -- --kills COUNT [--seed NUMBER] [--chromium]')
console.log(`seed ${String(seed)}, ${String(kills)} kills`)

const startMs = performance.now()
const half = Math.ceil(kills / 2)
const rounds: readonly (readonly [CrashKind, number])[] = values.chromium
  ? [['chromium', kills]]
  : [
      ['append', half],
      ['catch-up', kills - half]
    ]
for (const [kind, count] of rounds) {
  if (count === 0) continue
  const { acknowledged, resets } = await runCrashes({
    kind,
    kills: count,
    seed,
    onKill: (kill, entries) => {
      console.log(`${kind}: kill ${String(kill)} of ${String(count)}, ${String(entries)} entries`)
    }
  })
  console.log(
    `${kind}: ${String(count)} kills, ${String(acknowledged)} acknowledged entries, none lost`
  )
  if (resets > 0) {
    console.error(`the browser threw its whole database away ${String(resets)} times`)
    process.exitCode = 1
  }
}
console.log(`${String(kills)} kills in ${((performance.now() - startMs) / 1_000).toFixed(0)} s`)
