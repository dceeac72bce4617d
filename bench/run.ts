import { writeFile } from 'node:fs/promises'
import process from 'node:process'
import { appendBench } from './append.ts'
import type { Bench, Result } from './bench.ts'
import { bundleBench } from './bundle.ts'
import { catchupBench } from './catchup.ts'
import { divergedBench } from './diverged.ts'
import { fanoutBench } from './fanout.ts'
import { liveBench } from './live.ts'
import { loadBench } from './load.ts'
import { readLoad, readMachine } from './machine.ts'
import { manyLogsBench } from './many-logs.ts'
import { helpText, isSelected, parseCommandLine } from './options.ts'
import type { Command } from './options.ts'
import { reopenBench } from './reopen.ts'
import { formatJson, formatTable } from './report.ts'
import type { BenchTime } from './report.ts'

const BENCHES: readonly Bench[] = [
  appendBench,
  liveBench,
  catchupBench,
  reopenBench,
  divergedBench,
  fanoutBench,
  manyLogsBench,
  loadBench,
  bundleBench
]

const EXIT_FAILURE = 1
const EXIT_USAGE = 2
/** A bench that takes longer hangs: several times what a run takes on a slow machine. */
const DEFAULT_MAX_MS_PER_RUN = 5 * 60_000

type RunCommand = Extract<Command, { kind: 'run' }>

async function runAll(command: RunCommand): Promise<number> {
  const { runs, isQuick } = command
  const machine = await readMachine()
  const results: Result[] = []
  const benches: BenchTime[] = []
  const failures: string[] = []
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      interrupted.abort(new Error('interrupted'))
    })
  }
  for (const selected of command.benches) {
    const bench = BENCHES.find(({ name }) => name === selected.name)
    if (bench === undefined || interrupted.signal.aborted) break
    const report = (line: string): void => void process.stderr.write(`${bench.name}: ${line}\n`)
    const wants = (...cases: readonly string[]): boolean =>
      cases.some((name) => isSelected(selected, name))
    const deadline = AbortSignal.timeout(runs * (bench.maxMsPerRun ?? DEFAULT_MAX_MS_PER_RUN))
    const signal = AbortSignal.any([interrupted.signal, deadline])
    const loadBefore = readLoad()
    const startedAt = performance.now()
    try {
      const measured: Result[] = []
      for await (const result of bench.run({ runs, isQuick, wants, report, signal })) {
        measured.push(result)
        if (wants(result.case)) results.push(result)
      }
      const missing = selected.cases.filter(
        (name) =>
          !measured.some((result) => isSelected({ ...selected, cases: [name] }, result.case))
      )
      for (const name of missing) {
        failures.push(`${bench.name}/${name}`)
        report(`has no case ${name}`)
      }
    } catch (error) {
      failures.push(bench.name)
      report(`failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    report(`took ${Math.floor(seconds / 60)} min ${seconds % 60} s`)
    benches.push({ bench: bench.name, seconds, loadBefore, loadAfter: readLoad() })
    // After each: what was measured stays when a later one is ended.
    if (command.jsonFile !== null) {
      await writeFile(command.jsonFile, formatJson({ results, machine, benches }))
    }
  }
  process.stdout.write(`${formatTable(results)}\n`)
  if (failures.length === 0 && !interrupted.signal.aborted) return 0
  process.stderr.write(`bench: not measured to the end: ${failures.join(', ')}\n`)
  return EXIT_FAILURE
}

/** Minutes of measuring should not end with a file that cannot be written. */
async function checkWritable(path: string): Promise<string | null> {
  try {
    await writeFile(path, '')
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function main(args: readonly string[]): Promise<number> {
  const names = BENCHES.map(({ name }) => name)
  const command = parseCommandLine(args, names)
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText(names))
      return 0
    case 'refuse':
      process.stderr.write(`bench: ${command.reason}\n\n${helpText(names)}`)
      return EXIT_USAGE
    case 'run': {
      const complaint = command.jsonFile === null ? null : await checkWritable(command.jsonFile)
      if (complaint !== null) {
        process.stderr.write(`bench: cannot write the results: ${complaint}\n`)
        return EXIT_USAGE
      }
      return runAll(command)
    }
  }
}

process.exitCode = await main(process.argv.slice(2))
