import { IS_MORE_BETTER } from './bench.ts'
import type { BenchContext, Result, Spread, Unit } from './bench.ts'

/**
 * The value below which a share of all values lies, between two neighbours by linear interpolation.
 *
 * @param values - in any order, at least one.
 * @param share - 0..1
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)]
  const above = sorted[Math.ceil(position)]
  if (below === undefined || above === undefined) throw new Error('nothing was measured')
  return below + (above - below) * (position - Math.floor(position))
}

/** @param values - one per run, at least one. */
export function spreadOf(values: readonly number[]): Spread {
  return {
    median: rounded(quantile(values, 0.5)),
    min: rounded(quantile(values, 0)),
    max: rounded(quantile(values, 1)),
    runs: values.length
  }
}

/** A result with its ratio turned so that above 1 means that ours is better. */
export function compare(init: {
  readonly bench: string
  readonly case: string
  readonly unit: Unit
  /** One value per run. */
  readonly ours: readonly number[]
  readonly rival: { readonly name: string; readonly values: readonly number[] } | null
}): Result {
  const { bench, unit, rival } = init
  const ours = spreadOf(init.ours)
  const theirs = rival === null ? null : spreadOf(rival.values)
  return {
    bench,
    case: init.case,
    unit,
    ours,
    rival: rival === null || theirs === null ? null : { name: rival.name, ...theirs },
    ratio: theirs === null ? null : ratioOf(unit, ours.median, theirs.median)
  }
}

function ratioOf(unit: Unit, ours: number, theirs: number): number | null {
  const [better, worse] = IS_MORE_BETTER[unit] ? [ours, theirs] : [theirs, ours]
  return worse === 0 ? null : rounded(better / worse)
}

/**
 * Measures both sides in turn, so that whatever else the machine does falls on both; the first turn alternates.
 *
 * @param measure - starts from nothing, and leaves nothing behind.
 * @param describe - what is reported of a run.
 * @returns what each side gave, one item per run.
 */
export async function interleave<Name extends string, Value>(
  context: BenchContext,
  names: readonly Name[],
  measure: (name: Name) => Promise<Value>,
  describe: (value: Value) => string
): Promise<Readonly<Record<Name, readonly Value[]>>> {
  const values = Object.fromEntries(names.map((name): [string, Value[]] => [name, []])) as Record<
    Name,
    Value[]
  >
  for (let run = 1; run <= context.runs; run++) {
    for (const name of run % 2 === 1 ? names : names.toReversed()) {
      context.signal.throwIfAborted()
      const value = await measure(name)
      values[name].push(value)
      context.report(`run ${run}/${context.runs} ${name}: ${describe(value)}`)
    }
  }
  return values
}

/** Three significant digits below 100, whole numbers and one decimal above: more would be noise. */
function rounded(value: number): number {
  return value < 100 ? Number(value.toPrecision(3)) : Math.round(value * 10) / 10
}
