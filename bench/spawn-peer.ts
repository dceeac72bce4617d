import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { withTempDir } from '#tests/support/temp-dir.ts'
import { createRemotePeer } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'
import type { PeerAnswer, PeerCall, PeerProcessInit } from './peer-process.ts'

const STOP_TIMEOUT_MS = 10_000
const MAX_COMPLAINT_CHARACTERS = 4_096

export type SpawnedPeer = BenchPeer & AsyncDisposable & { readonly pid: number }

/**
 * Starts a peer in a process of its own, on a fresh folder. Disposing stops it in order, or kills it, and removes the folder.
 *
 * @param options.directory - works on this folder instead, and leaves it.
 * @param options.signal - kills the peer; every call that waits then fails.
 * @throws {Error} with the last words of the process, when it does not start.
 */
export async function spawnPeer(
  contender: ContenderName,
  options: {
    readonly isListening: boolean
    readonly signal: AbortSignal
    readonly directory?: string
  }
): Promise<SpawnedPeer> {
  options.signal.throwIfAborted()
  await using stack = new AsyncDisposableStack()
  const directory = options.directory ?? stack.use(await withTempDir('deaddrop-bench-')).path
  const init: PeerProcessInit = { contender, directory, isListening: options.isListening }
  const child = fork(
    fileURLToPath(new URL('./peer-process.ts', import.meta.url)),
    [JSON.stringify(init)],
    { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] }
  )
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve()
    })
  })
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-MAX_COMPLAINT_CHARACTERS)
  })
  const kill = (): void => void child.kill('SIGKILL')
  options.signal.addEventListener('abort', kill)

  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let lastId = 0

  function expect(id: number): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>()
    waiting.set(id, answer)
    return answer.promise
  }

  async function call(method: PeerCall['method'], args: readonly unknown[]): Promise<unknown> {
    if (!child.connected) throw new Error(`${contender} peer is gone`)
    const id = ++lastId
    const answer = expect(id)
    child.send({ id, method, args } satisfies PeerCall, (error) => {
      if (error !== null) waiting.get(id)?.reject(error)
    })
    return answer
  }

  child.on('message', ({ id, value, error }: PeerAnswer) => {
    const answer = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) answer?.resolve(value)
    else answer?.reject(new Error(`${contender} peer: ${error}`))
  })
  child.once('exit', (code, killedBy) => {
    const how = killedBy ?? `exit code ${String(code)}`
    for (const { reject } of waiting.values()) {
      reject(new Error(`${contender} peer is gone (${how}): ${complaint.trim()}`))
    }
    waiting.clear()
  })
  stack.defer(async () => {
    const timer = setTimeout(kill, STOP_TIMEOUT_MS)
    await Promise.race([call('stop', []).catch(() => undefined), exited])
    if (child.connected) child.disconnect()
    await exited
    clearTimeout(timer)
    options.signal.removeEventListener('abort', kill)
  })
  await expect(0)

  const kept = stack.move()
  return {
    ...createRemotePeer(call),
    pid: child.pid ?? -1,
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}
