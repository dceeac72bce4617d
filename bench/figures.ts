import type { Result, Spread } from './bench.ts'
import type { BenchTime, Report } from './report.ts'

/** What the project asks of itself: of the ratio to the rival, or of our own figure. */
type Wanted = { readonly ratio: number } | { readonly atMost: number }

const WANTED: Readonly<Record<string, Wanted>> = {
  'append/node-1000': { ratio: 8 },
  'append/chromium-1000': { ratio: 5 },
  'append/flat-100000': { atMost: 1.3 },
  'live/node-p50': { ratio: 1 },
  'live/node-p95': { ratio: 1 },
  'live/chromium-p50': { atMost: 20 },
  'catchup/1000-50ms': { ratio: 60 },
  'catchup/10000-loopback': { ratio: 40 },
  'catchup/first-50-usable': { atMost: 300 },
  'catchup/50000-memory': { atMost: 300 },
  'catchup/chromium-10000-longest-task': { atMost: 50 },
  'catchup/chromium-10000-webrtc-longest-task': { atMost: 50 },
  'reopen/node-100000': { atMost: 150 },
  'reopen/chromium-100000': { atMost: 400 },
  'diverged/50000-common-1000-each-bytes': { atMost: 2 },
  'fanout/50-peers-p95': { atMost: 500 },
  'fanout/50-peers-lost': { atMost: 0 },
  'many-logs/10000-memory': { atMost: 512 },
  'many-logs/10000-files': { atMost: 200 },
  'many-logs/10000-start': { atMost: 10_000 }
}

const HEADER = ['bench', 'case', 'unit', 'DeadDrop', 'rival', 'better by', 'wanted']

/** A paragraph about the conditions and a table, in Markdown; what misses its target is bold. */
export function formatFigures({ results, machine, benches }: Report): string {
  const runs = [...new Set(results.map(({ ours }) => ours.runs))].sort((a, b) => a - b)
  const minutes = benches.reduce((sum, { seconds }) => sum + seconds, 0) / 60
  const conditions = [
    machine.startedAt.slice(0, 10),
    machine.commit === null ? null : `commit ${machine.commit}`,
    `${machine.cores} cores (${machine.processor})`,
    `Node ${machine.node}`,
    machine.chromium === null ? null : `Chromium ${machine.chromium}`,
    `${minutes.toFixed(0)} minutes in all`,
    `runs of each case: ${runs.join(', ')}`
  ].filter((part) => part !== null)
  const rows = [HEADER, HEADER.map(() => '---'), ...results.map(rowOf)]
  return [
    `${conditions.join('; ')}. Load average before and after: ${benches.map(loadOf).join(', ')}.`,
    '',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`)
  ].join('\n')
}

function loadOf({ bench, loadBefore, loadAfter }: BenchTime): string {
  return `${bench} ${loadBefore.toFixed(1)} and ${loadAfter.toFixed(1)}`
}

function rowOf({ bench, case: name, unit, ours, rival, ratio }: Result): readonly string[] {
  const wanted = WANTED[`${bench}/${name}`]
  const better = ratio === null ? '' : `${formatNumber(ratio)}x`
  const missesRatio = wanted !== undefined && 'ratio' in wanted && (ratio ?? 0) < wanted.ratio
  const missesFigure = wanted !== undefined && 'atMost' in wanted && ours.median > wanted.atMost
  return [
    bench,
    name,
    unit,
    missesFigure ? `**${formatSpread(ours)}**` : formatSpread(ours),
    rival === null ? '' : `${rival.name}: ${formatSpread(rival)}`,
    missesRatio ? `**${better}**` : better,
    describeWanted(wanted)
  ]
}

function describeWanted(wanted: Wanted | undefined): string {
  if (wanted === undefined) return ''
  if ('ratio' in wanted) return wanted.ratio === 1 ? 'not worse' : `${wanted.ratio}x`
  return wanted.atMost === 0 ? '0' : `at most ${formatNumber(wanted.atMost)}`
}

function formatSpread({ median, min, max }: Spread): string {
  if (min === max) return formatNumber(median)
  return `${formatNumber(median)} (${formatNumber(min)}-${formatNumber(max)})`
}

function formatNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 1_000 ? 2 : 0 })
}
