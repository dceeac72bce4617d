/** One side of a comparison, over all its runs. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: number
}

/** One line of the report; the JSON output is a list of these. */
export interface Result {
  readonly bench: string
  readonly case: string
  readonly unit: Unit
  readonly ours: Spread
  readonly rival: (Spread & { readonly name: string }) | null
  /** How many times better we are than the rival: above 1 is good, whatever the unit. */
  readonly ratio: number | null
}

/** Units and the direction in which they are better. */
export const IS_MORE_BETTER = {
  'appends/s': true,
  'entries/s': true,
  ms: false,
  KB: false,
  MB: false,
  files: false,
  messages: false,
  /** A figure divided by another one of the same side, such as a cost by what it was with less. */
  ratio: false
} as const

export type Unit = keyof typeof IS_MORE_BETTER

export interface BenchContext {
  /** How often each side of each case is measured; 1 or more. */
  readonly runs: number
  /** Smaller sizes, to see that everything works. Case names carry the size that was measured. */
  readonly isQuick: boolean
  /** Whether one of these cases was asked for. What nobody asked for need not be measured. */
  wants(...cases: readonly string[]): boolean
  /** Says what goes on, for people; results go elsewhere. */
  report(line: string): void
  /** Aborted when the bench takes too long or the user ends it. Everything started must then end. */
  readonly signal: AbortSignal
}

/** One file of this folder exports one of these. */
export interface Bench {
  /** What the command line and the output call it. */
  readonly name: string
  /** Longest time that one repetition of all cases takes on a slow machine, its share of the preparation included, ms. @default 5 minutes */
  readonly maxMsPerRun?: number
  /** Gives results as they are measured: they stay when a later case fails. */
  run(context: BenchContext): AsyncIterable<Result>
}
