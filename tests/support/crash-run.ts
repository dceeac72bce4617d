import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { checkAfterCrash } from './crash-checker.ts'
import type { KnownEntries } from './crash-checker.ts'
import { crashOneProfile } from './crash-chromium.ts'
import { createCrashOrder, readAcknowledgement } from './crash-order.ts'
import { createTestGate, sealText } from './replica-gate.ts'
import type { TestGate } from './replica-gate.ts'
import { startReplicaPeer } from './replica-peers.ts'
import { withTempDir } from './temp-dir.ts'

const PROGRAM = fileURLToPath(new URL('crash-process.ts', import.meta.url))
/** Kills that one store lives through before a fresh one is taken: the check reads all of it after each. */
const KILLS_PER_STORE = 10
/** What there is to catch up with: a few batches. */
const PEER_ENTRIES = 1_000
/** A process that has not said so many lines by then is killed all the same. */
const MAX_LIFE_MS = 20_000

/** `append` and `catch-up` kill a Node process on Level, `chromium` a whole browser on IndexedDB. */
export type CrashKind = 'append' | 'catch-up' | 'chromium'

export interface CrashReport {
  readonly kills: number
  /** Entries and arrivals that were told to the application before a kill, and were there after it. */
  readonly acknowledged: number
  /** How often a browser threw its whole database away, see {@link crashOneProfile}. Always 0 in Node. */
  readonly resets: number
}

/**
 * Kills a process again and again while it writes, and checks the store after each time.
 *
 * @param init.seed - decides when a process dies, as far as lines of output can say when.
 * @throws what the store got wrong, with the number of the kill.
 */
export async function runCrashes(init: {
  readonly kind: CrashKind
  readonly kills: number
  readonly seed: number
  readonly onKill?: (kill: number, entries: number) => void
}): Promise<CrashReport> {
  const random = createRandom(init.seed)
  let acknowledged = 0
  let resets = 0
  for (let first = 0; first < init.kills; first += KILLS_PER_STORE) {
    const kills = Math.min(KILLS_PER_STORE, init.kills - first)
    const onKill = (kill: number, entries: number): void => init.onKill?.(first + kill, entries)
    if (init.kind === 'chromium') {
      const profile = await crashOneProfile(kills, random, onKill)
      acknowledged += profile.acknowledged
      resets += profile.resets
    } else {
      acknowledged += await crashOneStore(init.kind, kills, random, onKill)
    }
  }
  return { kills: init.kills, acknowledged, resets }
}

async function crashOneStore(
  kind: Exclude<CrashKind, 'chromium'>,
  kills: number,
  random: () => number,
  onKill: (kill: number, entries: number) => void
): Promise<number> {
  await using folder = await withTempDir()
  await using stack = new AsyncDisposableStack()
  const gate = createTestGate()
  const peer = kind === 'append' ? undefined : await startFullPeer(gate, stack)
  const order = createCrashOrder(gate)
  const args = [JSON.stringify(order), folder.path, ...(peer === undefined ? [] : [peer])]
  const acknowledged = new Map<number, string>()
  const known: KnownEntries = new Map()
  for (let kill = 1; kill <= kills; kill++) {
    // Some die before they have opened the log, most in the middle of their writing.
    const lines = Math.floor(random() ** 2 * (kind === 'append' ? 300 : PEER_ENTRIES))
    for (const [arrival, hash] of await killAfter(args, lines, random() * 8)) {
      acknowledged.set(arrival, hash)
    }
    const store = await openLevelStore({ directory: folder.path })
    try {
      const log = await checkAfterCrash(store, gate.manifest, acknowledged, known)
      onKill(kill, log.size().entries)
      // Appending goes on, in this process too.
      log.grant({ writer: gate.admitWriter() })
      const { arrival, hash } = await log.append(sealText(`after kill ${String(kill)}`))
      acknowledged.set(arrival, hash)
    } catch (cause) {
      throw new Error(`the store did not survive kill ${String(kill)} of ${kind}`, { cause })
    } finally {
      await store.close()
    }
  }
  return acknowledged.size
}

async function startFullPeer(gate: TestGate, stack: AsyncDisposableStack): Promise<string> {
  const peer = stack.use(await startReplicaPeer())
  const log = await peer.engine.open(gate.manifest, { writer: gate.admitWriter() })
  for (let count = 0; count < PEER_ENTRIES; count++)
    await log.append(sealText(`there before ${String(count)} ${'x'.repeat(count % 500)}`))
  return peer.address
}

/** Starts a process, kills it a moment after it has said `lines` lines, and gives what it said. */
async function killAfter(
  args: readonly string[],
  lines: number,
  delayMs: number
): Promise<ReadonlyMap<number, string>> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  const lastMoment = setTimeout(kill, MAX_LIFE_MS)
  const said = new Map<number, string>()
  let count = 0
  let planned: NodeJS.Timeout | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const told = readAcknowledgement(line)
    if (told !== undefined) said.set(...told)
    if (count++ >= lines) planned ??= setTimeout(kill, delayMs)
  }
  const [code] = (await exited) as [number | null]
  clearTimeout(lastMoment)
  clearTimeout(planned)
  if (code !== null) throw new Error(`the process ended by itself with ${String(code)}`)
  return said
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
