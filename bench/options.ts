import { parseArgs } from 'node:util'

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'refuse'; readonly reason: string }
  | {
      readonly kind: 'run'
      /** In the order of `known`; all of them when none was named. */
      readonly benches: readonly SelectedBench[]
      readonly runs: number
      readonly isQuick: boolean
      readonly jsonFile: string | null
    }

export interface SelectedBench {
  readonly name: string
  /** Cases, or what they begin with, see {@link isSelected}; all of them when empty. */
  readonly cases: readonly string[]
}

const DEFAULT_RUNS = 5
const MAX_RUNS = 100

export function helpText(known: readonly string[]): string {
  return `Usage: npm run bench -- [NAME[/CASE]...] [--json FILE] [--runs N] [--quick]

Benchmarks: ${known.join(', ')}; all of them when none is named.
NAME/CASE measures that case alone, or all that begin with CASE-: catchup/10000-loopback, many-logs/10000.

  --json FILE  write the results to FILE
  --runs N     measure each side N times, 1..${MAX_RUNS} (default ${DEFAULT_RUNS}; fewer are not to be published)
  --quick      smaller sizes, to see that everything works
  --help       this text
`
}

/** @param known - names of all benchmarks, in the order in which they run. */
export function parseCommandLine(args: readonly string[], known: readonly string[]): Command {
  let parsed
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        runs: { type: 'string', default: String(DEFAULT_RUNS) },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false }
      }
    })
  } catch (error) {
    return { kind: 'refuse', reason: error instanceof Error ? error.message : String(error) }
  }
  const { values, positionals } = parsed
  if (values.help) return { kind: 'help' }
  const selected = positionals.map((text) => {
    const [name = '', ...rest] = text.split('/')
    return { name, case: rest.length === 0 ? null : rest.join('/') }
  })
  const unknown = selected.find(({ name }) => !known.includes(name))
  if (unknown !== undefined) {
    return { kind: 'refuse', reason: `no benchmark is called ${unknown.name}` }
  }
  const runs = Number(values.runs)
  if (!/^\d+$/.test(values.runs) || runs < 1 || runs > MAX_RUNS) {
    return { kind: 'refuse', reason: `--runs is ${values.runs}, expected 1..${MAX_RUNS}` }
  }
  if (values.json === '') return { kind: 'refuse', reason: '--json needs a file name' }
  const benches = known.flatMap((name): SelectedBench[] => {
    if (selected.length === 0) return [{ name, cases: [] }]
    const cases = selected.filter((one) => one.name === name).map((one) => one.case)
    if (cases.length === 0) return []
    return [{ name, cases: cases.includes(null) ? [] : cases.filter((one) => one !== null) }]
  })
  return { kind: 'run', benches, runs, isQuick: values.quick, jsonFile: values.json ?? null }
}

/** Whether a case is one of those that were asked for. */
export function isSelected({ cases }: SelectedBench, name: string): boolean {
  return cases.length === 0 || cases.some((one) => one === name || name.startsWith(`${one}-`))
}
