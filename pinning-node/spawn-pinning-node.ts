import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { DeadDropError } from '#protocol/errors.ts'

export interface SpawnPinningNodeInit {
  readonly dataDir: string
  /** @default 0, any free port */
  readonly wsPort?: number
  /** @default 0, any free port */
  readonly httpPort?: number
  /** More arguments, see `--help`. */
  readonly args?: readonly string[]
  /** Time until the ready line, ms. @default 30_000 */
  readonly readyTimeoutMs?: number
  /** Program to start. @default `main.ts` beside this file */
  readonly main?: string
}

/** A pinning node in a process of its own, on loopback. */
export interface SpawnedPinningNode extends AsyncDisposable {
  readonly peerId: string
  /** Each with `/p2p/<peer id>`. */
  readonly multiaddrs: readonly string[]
  /** `http://127.0.0.1:N` */
  readonly http: string
  readonly pid: number
  /** Lines of standard output so far, the ready line first. */
  readonly lines: readonly string[]
  /** Asks it to stop (SIGTERM), and kills it after ten seconds. May be called twice. @returns the exit code, `null` when it was killed. */
  stop(): Promise<number | null>
  /** SIGKILL, as at a power cut of the process. */
  kill(): Promise<void>
  /** Resolves when the process is gone, with its exit code. */
  readonly exited: Promise<number | null>
}

const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const MAX_COMPLAINT_CHARACTERS = 4_096

/**
 * Starts a node and waits until it is usable: for tests, benchmarks and the local start command.
 *
 * @throws {DeadDropError} `node-unreachable` when it exits before, or is not ready in time; its last words are in the message.
 */
export async function spawnPinningNode(init: SpawnPinningNodeInit): Promise<SpawnedPinningNode> {
  const child = spawn(
    process.execPath,
    [
      init.main ?? fileURLToPath(new URL('./main.ts', import.meta.url)),
      '--data',
      init.dataDir,
      '--ws-port',
      String(init.wsPort ?? 0),
      '--http-port',
      String(init.httpPort ?? 0),
      '--log',
      'json',
      ...(init.args ?? [])
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] }
  )
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.once('error', () => resolve(null))
  })
  // A parent that ends without stop() must not leave a daemon behind.
  const killWithParent = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithParent)
  void exited.then(() => process.removeListener('exit', killWithParent))

  const lines: string[] = []
  const ready = await readReadyLine(child, exited, lines, init.readyTimeoutMs ?? READY_TIMEOUT_MS)

  async function stop(): Promise<number | null> {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    try {
      return await exited
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    ...ready,
    pid: child.pid ?? -1,
    lines,
    exited,
    stop,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async [Symbol.asyncDispose]() {
      await stop()
    }
  }
}

interface Ready {
  readonly peerId: string
  readonly multiaddrs: readonly string[]
  readonly http: string
}

async function readReadyLine(
  child: ChildProcess,
  exited: Promise<number | null>,
  lines: string[],
  timeoutMs: number
): Promise<Ready> {
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-MAX_COMPLAINT_CHARACTERS)
  })
  const firstLine = new Promise<string>((resolve) => {
    let rest = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      const [first] = lines
      if (first !== undefined) resolve(first)
    })
  })
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    deadline.reject(failure(`is not ready after ${timeoutMs} ms`))
  }, timeoutMs)

  function failure(what: string): DeadDropError {
    return new DeadDropError('node-unreachable', `pinning node ${what}: ${complaint.trim()}`)
  }
  try {
    const line = await Promise.race([
      firstLine,
      deadline.promise,
      exited.then((code): never => {
        throw failure(`exited with ${String(code)} before it was ready`)
      })
    ])
    const ready = parseReady(line)
    if (ready === undefined) throw failure('printed something else than its ready line')
    return ready
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function parseReady(line: string): Ready | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (!('event' in value) || value.event !== 'ready') return undefined
  if (!('peerId' in value) || typeof value.peerId !== 'string') return undefined
  if (!('http' in value) || typeof value.http !== 'string') return undefined
  if (!('multiaddrs' in value) || !isTexts(value.multiaddrs)) return undefined
  return { peerId: value.peerId, multiaddrs: value.multiaddrs, http: value.http }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
