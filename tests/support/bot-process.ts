import { spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface BotError {
  readonly code: number
  readonly message: string
  readonly data: { readonly code: string }
}

export interface BotNotification {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

/** A headless client in a process of its own, spoken to as any program would: JSON-RPC, a line each. */
export interface Bot extends AsyncDisposable {
  /** @throws {BotRefusal} with what the bot answered. */
  call(method: string, params?: object): Promise<unknown>
  /** Sends raw text, line break included by the caller. */
  write(text: string): void
  /** The next answer without an id, or with id `null`. */
  nextStrayAnswer(): Promise<{ readonly error: BotError }>
  /** Resolves with the first notification, past or future, that fits. */
  notified(
    method: string,
    fits?: (params: BotNotification['params']) => boolean
  ): Promise<BotNotification['params']>
  endInput(): void
  kill(signal: 'SIGTERM' | 'SIGKILL'): void
  /** Exit code; `null` when killed. */
  readonly exited: Promise<number | null>
  readonly errorOutput: () => string
}

export class BotRefusal extends Error {
  readonly error: BotError
  constructor(error: BotError) {
    super(`${error.data.code}: ${error.message}`)
    this.error = error
  }
}

const MAIN = fileURLToPath(new URL('../../src/headless/main.node.ts', import.meta.url))

export function startBot(init: {
  readonly dataDir: string
  readonly nodes: readonly string[]
  readonly args?: readonly string[]
}): Bot {
  const child = spawn(
    process.execPath,
    [
      MAIN,
      '--data',
      init.dataDir,
      ...init.nodes.flatMap((node) => ['--node', node]),
      ...(init.args ?? [])
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] }
  )
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const seen: BotNotification[] = []
  const watchers = new Set<() => void>()
  const stray: { readonly error: BotError }[] = []
  const strayWatchers: ((answer: { readonly error: BotError }) => void)[] = []
  let errors = ''
  let lastId = 0
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  child.stdin.on('error', () => undefined) // a bot that was killed reads no more

  createInterface({ input: child.stdout }).on('line', (line) => {
    // What the bot prints is what these tests are about: the shape is checked by their expectations.
    const message = JSON.parse(line) as Partial<BotNotification> & {
      id?: number | null
      result?: unknown
      error?: BotError
    }
    if (message.method !== undefined) {
      seen.push({ method: message.method, params: message.params ?? {} })
      for (const look of watchers) look()
    } else if (typeof message.id === 'number' && waiting.has(message.id)) {
      const call = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.error === undefined) call?.resolve(message.result)
      else call?.reject(new BotRefusal(message.error))
    } else if (message.error !== undefined) {
      const answer = { error: message.error }
      const watcher = strayWatchers.shift()
      if (watcher === undefined) stray.push(answer)
      else watcher(answer)
    }
  })
  void exited.then((code) => {
    for (const call of waiting.values())
      call.reject(new Error(`bot exited with ${code}: ${errors}`))
  })

  const bot: Bot = {
    call(method, params = {}) {
      const id = ++lastId
      const call = Promise.withResolvers<unknown>()
      waiting.set(id, call)
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
      return call.promise
    },
    write: (text) => void child.stdin.write(text),
    nextStrayAnswer() {
      const answer = stray.shift()
      return answer === undefined
        ? new Promise((resolve) => strayWatchers.push(resolve))
        : Promise.resolve(answer)
    },
    notified(method, fits = () => true) {
      return new Promise((resolve) => {
        const look = (): void => {
          const found = seen.find((note) => note.method === method && fits(note.params))
          if (found === undefined) return
          watchers.delete(look)
          resolve(found.params)
        }
        watchers.add(look)
        look()
      })
    },
    endInput: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    exited,
    errorOutput: () => errors,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(timer)
    }
  }
  return bot
}
