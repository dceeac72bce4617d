import type { Result, Spread } from './bench.ts'
import type { Machine } from './machine.ts'

/** The whole of the JSON output. */
export interface Report {
  readonly results: readonly Result[]
  readonly machine: Machine
  /** One for each benchmark, in the order in which they ran. */
  readonly benches: readonly BenchTime[]
}

export interface BenchTime {
  readonly bench: string
  /** Preparation included. */
  readonly seconds: number
  /** Load average of one minute, before and after. Ours alone makes about 2. */
  readonly loadBefore: number
  readonly loadAfter: number
}

export function formatJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

/** For people: one line per result, medians with their spread. */
export function formatTable(results: readonly Result[]): string {
  const rows = results.map(({ bench, case: name, unit, ours, rival, ratio }) => [
    bench,
    name,
    unit,
    formatSpread(ours),
    rival === null ? '-' : `${rival.name}: ${formatSpread(rival)}`,
    ratio === null ? '-' : `${ratio}x`
  ])
  const header = ['bench', 'case', 'unit', 'ours (min-max)', 'rival (min-max)', 'better by']
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0))
  )
  return [header, widths.map((width) => '-'.repeat(width)), ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    )
    .join('\n')
}

function formatSpread({ median, min, max }: Spread): string {
  return min === max ? String(median) : `${median} (${min}-${max})`
}
