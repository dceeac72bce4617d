/**
 * `npm test`: everything, from a fresh `npm ci`. Static gates, then all vitest projects; a gate counts as one test.
 * Arguments go to vitest. The last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import process from 'node:process'
import type { JsonTestResults } from 'vitest/node'
import { ensureChromium } from './ensure-chromium.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const RESULTS = join(ROOT, '.cache/test-results.json')

interface Outcome {
  readonly passed: number
  readonly failed: number
}

/** Runs one npm script and shows what it printed if it failed. */
async function runGate(script: string): Promise<Outcome> {
  const child = spawn('npm', ['run', '--silent', script], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  await once(child, 'close')
  const isPassed = child.exitCode === 0
  console.log(isPassed ? `✓ ${script}` : `✗ ${script}\n${output}`)
  return isPassed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

async function runVitest(args: readonly string[]): Promise<Outcome> {
  await mkdir(join(ROOT, '.cache'), { recursive: true })
  await rm(RESULTS, { force: true })
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${RESULTS}`]
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit']
  })
  await once(child, 'close')
  const outcome = await readResults()
  // An error outside any test (an unhandled rejection, a broken set-up) shows in the exit code only.
  const isHiddenFailure = child.exitCode !== 0 && outcome.failed === 0
  return isHiddenFailure ? { passed: outcome.passed, failed: 1 } : outcome
}

async function readResults(): Promise<Outcome> {
  let results: JsonTestResults
  try {
    results = JSON.parse(await readFile(RESULTS, 'utf8')) as JsonTestResults
  } catch {
    return { passed: 0, failed: 0 }
  }
  const brokenFiles = results.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0
  )
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + brokenFiles.length
  }
}

async function runAll(): Promise<Outcome> {
  try {
    ensureChromium()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return { passed: 0, failed: 1 }
  }
  const outcomes = [
    ...(await Promise.all(['types', 'lint'].map(runGate))),
    ...(await Promise.all(['format', 'imports'].map(runGate))),
    await runVitest(process.argv.slice(2))
  ]
  return outcomes.reduce((sum, { passed, failed }) => ({
    passed: sum.passed + passed,
    failed: sum.failed + failed
  }))
}

const total = await runAll()
process.exitCode = total.failed === 0 ? 0 : 1
console.log(`${total.passed} passed, ${total.failed} failed`)
