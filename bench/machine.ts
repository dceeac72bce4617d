import { execFile } from 'node:child_process'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import process from 'node:process'
import { promisify } from 'node:util'
import { findChromium } from '#tests/support/ensure-chromium.ts'

/** What figures depend on, beside the code. */
export interface Machine {
  /** The commit that was measured; `null` outside of a checkout. A `+` behind it: files differed from it. */
  readonly commit: string | null
  readonly startedAt: string
  readonly cores: number
  readonly processor: string
  readonly memoryMb: number
  readonly node: string
  readonly chromium: string | null
}

export async function readMachine(): Promise<Machine> {
  const chromium = findChromium()
  return {
    commit: await readCommit(),
    startedAt: new Date().toISOString(),
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryMb: Math.round(totalmem() / 1_000_000),
    node: process.version.slice(1),
    chromium: chromium === undefined ? null : versionIn(await tryRun(chromium, ['--version']))
  }
}

/** Processes that wanted to run in the last minute, on average. */
export function readLoad(): number {
  return Number((loadavg()[0] ?? 0).toFixed(2))
}

async function readCommit(): Promise<string | null> {
  const commit = await tryRun('git', ['rev-parse', '--short', 'HEAD'])
  if (commit === null) return null
  const changes = await tryRun('git', ['status', '--porcelain', '--untracked-files=no'])
  return changes === '' ? commit : `${commit}+`
}

/** @returns what a program wrote, `null` when it could not be run. */
async function tryRun(program: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args], { cwd: import.meta.dirname })
    return stdout.trim()
  } catch {
    return null
  }
}

function versionIn(text: string | null): string | null {
  return /\d+(?:\.\d+)+/.exec(text ?? '')?.[0] ?? null
}
