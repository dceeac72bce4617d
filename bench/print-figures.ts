/** Prints results that `npm run bench -- --json FILE` wrote, as docs/benchmarks.md shows them. */
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { formatFigures } from './figures.ts'
import type { Report } from './report.ts'

const EXIT_USAGE = 2

const files = process.argv.slice(2)
if (files.length === 0) {
  process.stderr.write('Usage: node bench/print-figures.ts FILE...\n')
  process.exitCode = EXIT_USAGE
}
for (const file of files) {
  const report = JSON.parse(await readFile(file, 'utf8')) as Report
  process.stdout.write(`${formatFigures(report)}\n\n`)
}
