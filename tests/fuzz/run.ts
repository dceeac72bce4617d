/**
 * The long run: `npm run fuzz -- --inputs 1000000 [--seed 1]`. Prints what each decoder took and refused, and how memory
 * went; ends with 1 at the first broken promise.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { runFuzz } from '../support/fuzz-run.ts'

const MEBIBYTE = 2 ** 20
/** Growth that is noise: code that is compiled, caches that have a bound. */
const MAX_GROWTH_BYTES = 48 * MEBIBYTE
/** Caches are full after this share of the run. */
const WARM_UP = 0.1

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) }
  }
})
const inputs = Number(values.inputs)
const seed = Number(values.seed)
if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed))
  throw new Error('usage: npm run fuzz -- --inputs COUNT [--seed NUMBER]')
console.log(`seed ${String(seed)}, ${String(inputs)} inputs`)

let firstBytes: number | undefined
let lastBytes = 0
const report = await runFuzz({
  inputs,
  seed,
  onTurn(done) {
    lastBytes = usedBytes()
    if (done >= inputs * WARM_UP) firstBytes ??= lastBytes
    console.log(`${String(done)} inputs, ${mebibytes(lastBytes)} in use`)
  }
})
for (const { name, taken, refused, slowestMs } of report.tallies) {
  const counts = `${String(taken).padStart(8)} taken ${String(refused).padStart(8)} refused`
  console.log(`${counts}  slowest ${slowestMs.toFixed(1).padStart(6)} ms  ${name}`)
}
const total = report.tallies.reduce((sum, { taken, refused }) => sum + taken + refused, 0)
const growth = lastBytes - (firstBytes ?? lastBytes)
console.log(
  `${String(total)} inputs in ${report.seconds.toFixed(0)} s, memory grew by ${mebibytes(growth)}`
)
if (growth > MAX_GROWTH_BYTES) {
  console.error('memory grew with the number of inputs')
  process.exitCode = 1
}

function usedBytes(): number {
  if (globalThis.gc === undefined) throw new Error('run with node --expose-gc')
  // Twice: what the first round makes unreachable through finalizers goes with the second.
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function mebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`
}
