import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { checkAfterCrash } from './crash-checker.ts'
import type { KnownEntries } from './crash-checker.ts'
import { crashOneProfile } from './crash-chromium.ts'
import type { ProfileReport } from './crash-chromium.ts'
import { createCrashOrder, readAcknowledgement } from './crash-order.ts'
import { servePage } from './page-server.ts'
import { chooseDeath, startCrashPeer } from './crash-peer.ts'
import type { Death } from './crash-peer.ts'
import { createTestGate, sealText } from './replica-gate.ts'
import { withTempDir } from './temp-dir.ts'

/** Spares each next process half of its start. */
const COMPILE_CACHE = fileURLToPath(new URL('../../.cache/crash-process', import.meta.url))
const PROGRAM = fileURLToPath(new URL('crash-process.ts', import.meta.url))
/** Kills that one store lives through before a fresh one is taken: the check reads all of it after each. */
const KILLS_PER_STORE = 10
/** Stores that are under fire at the same time. */
const CONCURRENCY = 2
/** A process that has not said so many lines by then is killed all the same. */
const MAX_LIFE_MS = 20_000

/** What is killed and over which storage: a Node process on Level, or a whole browser on IndexedDB. */
export type CrashPlace = 'node' | 'chromium'
/** What the victim does meanwhile. It also appends while it catches up. */
export type CrashMoment = 'append' | 'catch-up'

export interface CrashReport extends ProfileReport {
  readonly kills: number
}

interface StoreInit {
  readonly during: CrashMoment
  readonly kills: number
  readonly random: () => number
  readonly onKill: (entries: number) => void
}

/**
 * Kills a process or a browser again and again while it writes, and checks the store after each time.
 *
 * @param init.seed - decides when each victim dies, as far as lines of output can say when.
 * @param init.halfRecordShare - in Chromium only, see {@link crashOneProfile}. @default 0.5
 * @param init.onKill - `kill` counts what was checked, over stores that are under fire at the same time.
 * @throws what the store got wrong. A database that is gone as a whole is counted instead.
 */
export async function runCrashes(init: {
  readonly place: CrashPlace
  readonly during: CrashMoment
  readonly kills: number
  readonly seed: number
  readonly halfRecordShare?: number
  readonly onKill?: (kill: number, entries: number) => void
}): Promise<CrashReport> {
  await using stack = new AsyncDisposableStack()
  const halfRecordShare = init.halfRecordShare ?? 0.5
  const page = init.place === 'chromium' ? stack.use(await servePage('crash-page')) : undefined
  let checked = 0
  const stores: StoreInit[] = Array.from(
    { length: Math.ceil(init.kills / KILLS_PER_STORE) },
    (_, index) => ({
      during: init.during,
      kills: Math.min(KILLS_PER_STORE, init.kills - index * KILLS_PER_STORE),
      // Each store has its own numbers, so that it does not matter which of two is faster.
      random: createRandom(init.seed + index * 7919),
      onKill: (entries: number) => init.onKill?.(++checked, entries)
    })
  )
  const sum = { acknowledged: 0, resets: 0, halfRecords: 0, plantedHalfRecords: 0 }
  async function work(): Promise<void> {
    for (let store = stores.shift(); store !== undefined; store = stores.shift()) {
      const report = await crashOne(store).catch((error: unknown) => {
        stores.length = 0 // the other one ends with what it has
        throw error
      })
      sum.acknowledged += report.acknowledged
      sum.resets += report.resets
      sum.halfRecords += report.halfRecords
      sum.plantedHalfRecords += report.plantedHalfRecords
    }
  }
  function crashOne(store: StoreInit): Promise<ProfileReport> {
    if (page === undefined) return crashOneStore(store)
    return crashOneProfile({ ...store, url: page.url, halfRecordShare })
  }
  const results = await Promise.allSettled(Array.from({ length: CONCURRENCY }, work))
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return { kills: init.kills, ...sum }
}

async function crashOneStore({ during, kills, random, onKill }: StoreInit): Promise<ProfileReport> {
  await using folder = await withTempDir()
  await using stack = new AsyncDisposableStack()
  const gate = createTestGate()
  const peer = during === 'append' ? undefined : await startCrashPeer(gate, stack)
  const order = createCrashOrder(gate)
  const args = [JSON.stringify(order), folder.path, ...(peer === undefined ? [] : [peer.address])]
  const acknowledged = new Map<number, string>()
  const known: KnownEntries = new Map()
  let next = startVictim(args)
  for (let kill = 1; kill <= kills; kill++) {
    await peer?.write()
    const said = await next.killAt(chooseDeath(during, random))
    for (const told of said) acknowledged.set(...told)
    // Loading its modules takes the next one as long as the check.
    if (kill < kills) next = startVictim(args)
    const store = await openLevelStore({ directory: folder.path })
    try {
      const log = await checkAfterCrash(store, gate.manifest, acknowledged, known)
      onKill(log.size().entries)
      // Appending goes on, in this process too.
      log.grant({ writer: gate.admitWriter() })
      const { arrival, hash } = await log.append(sealText(`after kill ${String(kill)}`))
      acknowledged.set(arrival, hash)
    } catch (cause) {
      next.end()
      throw new Error(`the store did not survive kill ${String(kill)} during ${during}`, { cause })
    } finally {
      await store.close()
    }
  }
  return { acknowledged: acknowledged.size, resets: 0, halfRecords: 0, plantedHalfRecords: 0 }
}

interface Victim {
  /** Lets it touch the store, kills it, and gives what it said. */
  killAt(death: Death): Promise<ReadonlyMap<number, string>>
  end(): void
}

function startVictim(args: readonly string[]): Victim {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE }
  })
  const exited = once(child, 'exit')
  const end = (): void => {
    child.kill('SIGKILL')
  }
  return {
    end,
    async killAt({ lines, delayMs }) {
      child.stdin.write('go\n')
      const lastMoment = setTimeout(end, MAX_LIFE_MS)
      const said = new Map<number, string>()
      let count = 0
      let planned: NodeJS.Timeout | undefined
      for await (const line of createInterface({ input: child.stdout })) {
        const told = readAcknowledgement(line)
        if (told !== undefined) said.set(...told)
        if (count++ >= lines) planned ??= setTimeout(end, delayMs)
      }
      const [code] = (await exited) as [number | null]
      clearTimeout(lastMoment)
      clearTimeout(planned)
      if (code !== null) throw new Error(`the process ended by itself with ${String(code)}`)
      return said
    }
  }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
