import { fork } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withTempDir } from '#tests/support/temp-dir.ts'
import { createRemotePeer } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'
import type { PeerAnswer, PeerCall, PeerProcessInit } from './peer-process.ts'

const STOP_TIMEOUT_MS = 10_000
const MAX_COMPLAINT_CHARACTERS = 4_096

export type SpawnedPeer = BenchPeer & AsyncDisposable & { readonly pid: number }

/** Peers that share a process, each with a store and a network stack of its own. */
export interface SpawnedPeers extends AsyncDisposable {
  readonly peers: readonly BenchPeer[]
}

export interface SpawnOptions {
  readonly isListening: boolean
  /** Kills the process; every call that waits then fails. */
  readonly signal: AbortSignal
  /** Works on this folder instead of a fresh one, and leaves it. */
  readonly directory?: string
  /** Begins with a copy of this folder, of a peer that does not run. Not with {@link directory}. */
  readonly copyOf?: string
  /** See {@link PeerProcessInit}. @default false */
  readonly hasDefaultMesh?: boolean
}

/**
 * Starts a peer in a process of its own. Disposing stops it in order, or kills it, and removes its folder.
 *
 * @throws {Error} with the last words of the process, when it does not start.
 */
export async function spawnPeer(
  contender: ContenderName,
  options: SpawnOptions
): Promise<SpawnedPeer> {
  options.signal.throwIfAborted()
  await using stack = new AsyncDisposableStack()
  const directory = options.directory ?? stack.use(await withTempDir('deaddrop-bench-')).path
  if (options.copyOf !== undefined) await cp(options.copyOf, directory, { recursive: true })
  const { peers, pid, ...child } = await spawnProcess(contender, [directory], options)
  stack.use(child)
  const [peer] = peers
  if (peer === undefined) throw new Error('process has no peer')
  const kept = stack.move()
  return { ...peer, pid, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Starts `count` peers in one process, on fresh folders. Disposing ends all of them. */
export async function spawnPeers(
  contender: ContenderName,
  count: number,
  options: Omit<SpawnOptions, 'directory' | 'copyOf'>
): Promise<SpawnedPeers> {
  options.signal.throwIfAborted()
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await withTempDir('deaddrop-bench-'))
  const directories = Array.from({ length: count }, (_, index) => join(path, String(index)))
  const { peers, ...child } = await spawnProcess(contender, directories, options)
  stack.use(child)
  const kept = stack.move()
  return { peers, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function spawnProcess(
  contender: ContenderName,
  directories: readonly string[],
  { isListening, signal, hasDefaultMesh = false }: SpawnOptions
): Promise<SpawnedPeers & { readonly pid: number }> {
  await using stack = new AsyncDisposableStack()
  const init: PeerProcessInit = { contender, directories, isListening, hasDefaultMesh }
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
  signal.addEventListener('abort', kill)

  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let lastId = 0

  function expect(id: number): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>()
    waiting.set(id, answer)
    return answer.promise
  }

  async function call(
    peer: number,
    method: PeerCall['method'],
    args: readonly unknown[]
  ): Promise<unknown> {
    if (!child.connected) throw new Error(`${contender} peer is gone`)
    const id = ++lastId
    const answer = expect(id)
    child.send({ id, peer, method, args } satisfies PeerCall, (error) => {
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
    await Promise.race([call(0, 'stop', []).catch(() => undefined), exited])
    if (child.connected) child.disconnect()
    await exited
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
  })
  await expect(0)

  const kept = stack.move()
  return {
    peers: directories.map((_, index) =>
      createRemotePeer((method, args) => call(index, method, args))
    ),
    pid: child.pid ?? -1,
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}
