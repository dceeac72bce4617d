import { performance } from 'node:perf_hooks'
import { createFuzzTargets } from './fuzz-targets.ts'
import type { FuzzTally } from './fuzz-targets.ts'

/** Inputs per decoder and turn: between two turns memory is looked at, and one failure costs no more than a turn. */
const TURN_INPUTS = 5_000

export interface FuzzReport {
  readonly seed: number
  readonly seconds: number
  readonly tallies: readonly FuzzTally[]
}

/**
 * Spreads `inputs` over all decoders by weight.
 *
 * @param init.onTurn - called after each turn with the inputs so far.
 * @throws what the first broken promise of a decoder was, with the seed and the smallest input that shows it.
 */
export async function runFuzz(init: {
  readonly inputs: number
  readonly seed: number
  readonly onTurn?: (done: number) => void
}): Promise<FuzzReport> {
  const startMs = performance.now()
  const targets = await createFuzzTargets()
  const weight = targets.reduce((sum, target) => sum + target.weight, 0)
  const left = new Map(
    targets.map((target) => [target, Math.ceil((init.inputs * target.weight) / weight)])
  )
  const tallies = new Map<string, FuzzTally>()
  let done = 0
  for (let turn = 0; left.size > 0; turn++) {
    for (const [target, rest] of left) {
      const inputs = Math.min(rest, TURN_INPUTS)
      const tally = await target.check(inputs, init.seed + turn).catch((cause: unknown) => {
        throw new Error(`${target.name} broke its promise`, { cause })
      })
      const before = tallies.get(target.name)
      tallies.set(target.name, {
        name: target.name,
        taken: (before?.taken ?? 0) + tally.taken,
        refused: (before?.refused ?? 0) + tally.refused,
        slowestMs: Math.max(before?.slowestMs ?? 0, tally.slowestMs)
      })
      done += inputs
      if (rest > inputs) left.set(target, rest - inputs)
      else left.delete(target)
    }
    init.onTurn?.(done)
  }
  return {
    seed: init.seed,
    seconds: (performance.now() - startMs) / 1_000,
    tallies: [...tallies.values()]
  }
}
