import { parseArgs } from 'node:util'

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'refuse'; readonly reason: string }
  | {
      readonly kind: 'run'
      /** In the order of `known`; all of them when none was named. */
      readonly names: readonly string[]
      readonly runs: number
      readonly isQuick: boolean
      readonly jsonFile: string | null
    }

const DEFAULT_RUNS = 3
const MAX_RUNS = 100

export function helpText(known: readonly string[]): string {
  return `Usage: npm run bench -- [NAME...] [--json FILE] [--runs N] [--quick]

Benchmarks: ${known.join(', ')}; all of them when none is named.

  --json FILE  write the results to FILE
  --runs N     measure each side N times, 1..${MAX_RUNS} (default ${DEFAULT_RUNS}; 5 or more for figures to publish)
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
  const unknown = positionals.find((name) => !known.includes(name))
  if (unknown !== undefined) return { kind: 'refuse', reason: `no benchmark is called ${unknown}` }
  const runs = Number(values.runs)
  if (!/^\d+$/.test(values.runs) || runs < 1 || runs > MAX_RUNS) {
    return { kind: 'refuse', reason: `--runs is ${values.runs}, expected 1..${MAX_RUNS}` }
  }
  if (values.json === '') return { kind: 'refuse', reason: '--json needs a file name' }
  return {
    kind: 'run',
    names: known.filter((name) => positionals.length === 0 || positionals.includes(name)),
    runs,
    isQuick: values.quick,
    jsonFile: values.json ?? null
  }
}
