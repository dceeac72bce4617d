import { expect, it } from 'vitest'
import { runFuzz } from '#tests/support/fuzz-run.ts'

const INPUTS = 20_000
/** No input may cost more than this; the bound allows for a machine that does other things. */
const MAX_MS_PER_INPUT = 2_000

it('no decoder throws what it does not document, hangs, or takes everything', async () => {
  const seed = Date.now() % 2 ** 31
  console.log(`fuzz seed ${String(seed)}`)
  const { tallies } = await runFuzz({ inputs: INPUTS, seed })
  expect(
    tallies.reduce((sum, { taken, refused }) => sum + taken + refused, 0)
  ).toBeGreaterThanOrEqual(INPUTS)
  for (const { name, refused, slowestMs } of tallies) {
    expect(refused, `${name} refused nothing`).toBeGreaterThan(0)
    expect(slowestMs, `${name} took too long`).toBeLessThan(MAX_MS_PER_INPUT)
  }
}, 120_000)
