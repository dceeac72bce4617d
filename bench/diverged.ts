import { join } from 'node:path'
import { withTempDir } from '#tests/support/temp-dir.ts'
import { allEnded } from './all-ended.ts'
import type { Bench, BenchContext, Result } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { ContenderName } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'
import type { SpawnedPeer } from './spawn-peer.ts'
import { openTcpLink } from './tcp-link.ts'
import type { TcpLink } from './tcp-link.ts'

interface Sizes {
  readonly common: number
  /** Written on each side while the link is cut. */
  readonly missing: number
}

const FULL: Sizes = { common: 50_000, missing: 1_000 }
/** Small enough for the rival. */
const SMALL: Sizes = { common: 1_000, missing: 100 }
const QUICK: Sizes = { common: 5_000, missing: 100 }
const QUICK_SMALL: Sizes = { common: 200, missing: 20 }

const IDLE_LOGS = 100
const QUICK_IDLE_LOGS = 10
const ENTRIES_PER_IDLE_LOG = 10

/** Long enough for both sides to notice that the link is gone. */
const APART_MS = 2_000
/** Nothing crossed the link for this long: an exchange is over. Shorter than any ping or heartbeat that would disturb. */
const QUIET_MS = 1_500
const MAX_QUIET_WAIT_MS = 60_000
const RECONNECT_TIMEOUT_MS = 60_000
const POLL_MS = 20

interface Exchanged {
  readonly ms: number
  /** Bytes on the wire divided by bytes of the entries that the two sides lacked. */
  readonly bytesRatio: number
}

/** Folders of two peers that have stopped and share some logs. Each run works on copies. */
interface Shared {
  readonly listener: string
  readonly dialler: string
  readonly tokens: readonly string[]
}

/** What it costs two peers to agree again after a time apart. */
export const divergedBench: Bench = {
  name: 'diverged',
  maxMsPerRun: 20 * 60_000,
  async *run(context) {
    const { full, small, idle } = context.isQuick
      ? { full: QUICK, small: QUICK_SMALL, idle: QUICK_IDLE_LOGS }
      : { full: FULL, small: SMALL, idle: IDLE_LOGS }
    yield* await measureDiverged(context, full, ['deaddrop'])
    yield* await measureDiverged(context, small, CONTENDERS)
    yield* await measureIdle(context, idle)
  }
}

async function measureDiverged(
  context: BenchContext,
  sizes: Sizes,
  contenders: readonly ContenderName[]
): Promise<readonly Result[]> {
  const name = `${sizes.common}-common-${sizes.missing}-each`
  const bytesCase = `${name}-bytes`
  const timeCase = `${name}-time`
  if (!context.wants(bytesCase, timeCase)) return []
  await using folder = await withTempDir('deaddrop-bench-')
  const shares = await prepareAll(context, folder.path, contenders, [sizes.common])
  const values = await interleave(
    context,
    contenders,
    (contender) => exchangeOnce(context, contender, shareOf(shares, contender), sizes.missing),
    ({ ms, bytesRatio }) =>
      `${name} agreed after ${ms.toFixed(0)} ms, ${bytesRatio.toFixed(2)} bytes for each that lacked`
  )
  const rivalOf = (pick: (value: Exchanged) => number) =>
    contenders.includes('stock') ? { name: RIVAL_NAME, values: values.stock.map(pick) } : null
  return [
    compare({
      bench: 'diverged',
      case: bytesCase,
      unit: 'ratio',
      ours: values.deaddrop.map(({ bytesRatio }) => bytesRatio),
      rival: rivalOf(({ bytesRatio }) => bytesRatio)
    }),
    compare({
      bench: 'diverged',
      case: timeCase,
      unit: 'ms',
      ours: values.deaddrop.map(({ ms }) => ms),
      rival: rivalOf(({ ms }) => ms)
    })
  ]
}

async function exchangeOnce(
  context: BenchContext,
  contender: ContenderName,
  shared: Shared,
  missing: number
): Promise<Exchanged> {
  await using pair = await startPair(context, contender, shared)
  const { listener: alice, dialler: bob, link } = pair
  const [token] = shared.tokens
  if (token === undefined) throw new Error('peers share no log')
  const commonBytes = await alice.bytes(token)

  link.cut()
  const [fromAlice, fromBob] = await Promise.all(
    [alice, bob].map((peer) => peer.fill(token, missing, PAYLOAD_BYTES))
  )
  if (fromAlice === undefined || fromBob === undefined) throw new Error('nothing was written')
  link.mend()
  const reconnecting = contender === 'stock' ? bob.dial(link.addresses) : Promise.resolve()
  await Promise.all([
    reconnecting,
    alice.waitFor(token, fromBob.head),
    bob.waitFor(token, fromAlice.head)
  ])
  const { bytes, openedAtMs } = link.traffic()
  const endedAtMs = performance.now()
  if (openedAtMs === null) throw new Error('the peers did not meet again')
  const lackedBytes = (await alice.bytes(token)) - commonBytes
  return { ms: endedAtMs - openedAtMs, bytesRatio: bytes / lackedBytes }
}

/** A client comes back to a node with which it shares many logs, and nothing is new. */
async function measureIdle(context: BenchContext, count: number): Promise<readonly Result[]> {
  const name = `log-of-logs-idle-${count}`
  if (!context.wants(name)) return []
  await using folder = await withTempDir('deaddrop-bench-')
  const sizes = Array.from({ length: count }, () => ENTRIES_PER_IDLE_LOG)
  const shares = await prepareAll(context, folder.path, CONTENDERS, sizes)
  const kilobytes = await interleave(
    context,
    CONTENDERS,
    (contender) => comeBackOnce(context, contender, shareOf(shares, contender)),
    (value) => `${name} ${value.toFixed(1)} KB`
  )
  return [
    compare({
      bench: 'diverged',
      case: name,
      unit: 'KB',
      ours: kilobytes.deaddrop,
      rival: { name: RIVAL_NAME, values: kilobytes.stock }
    })
  ]
}

async function comeBackOnce(
  context: BenchContext,
  contender: ContenderName,
  shared: Shared
): Promise<number> {
  await using pair = await startPair(context, contender, shared)
  const { dialler, link } = pair
  link.cut()
  await new Promise((resolve) => setTimeout(resolve, APART_MS))
  link.mend()
  if (contender === 'stock') await dialler.dial(link.addresses)
  await until('the client to come back', RECONNECT_TIMEOUT_MS, () => link.traffic().bytes > 0)
  await untilQuiet(link)
  return link.traffic().bytes / 1_000
}

/** Two connected peers with nothing left to exchange, on copies of what they share. */
async function startPair(
  { signal }: BenchContext,
  contender: ContenderName,
  shared: Shared
): Promise<
  AsyncDisposable & {
    readonly listener: SpawnedPeer
    readonly dialler: SpawnedPeer
    /** From the dialler to the listener. */
    readonly link: TcpLink
  }
> {
  await using stack = new AsyncDisposableStack()
  const start = async (isListening: boolean): Promise<SpawnedPeer> => {
    const copyOf = isListening ? shared.listener : shared.dialler
    const peer = stack.use(await spawnPeer(contender, { isListening, signal, copyOf }))
    for (const token of shared.tokens) await peer.openLog(token)
    return peer
  }
  const [listener, dialler] = await allEnded([start(true), start(false)])
  const link = stack.use(await openTcpLink(await listener.addresses(), { delayMs: 0 }))
  await dialler.dial(link.addresses)
  await untilQuiet(link)
  const kept = stack.move()
  return { listener, dialler, link, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Contenders at the same time: nothing is measured meanwhile. */
async function prepareAll(
  context: BenchContext,
  folder: string,
  contenders: readonly ContenderName[],
  entriesOfLogs: readonly number[]
): Promise<ReadonlyMap<ContenderName, Shared>> {
  context.report(`${contenders.join(' and ')} share ${entriesOfLogs.length} logs`)
  const shares = new Map<ContenderName, Shared>()
  await allEnded(
    contenders.map(async (contender) => {
      shares.set(
        contender,
        await prepare(context, contender, join(folder, contender), entriesOfLogs)
      )
    })
  )
  return shares
}

async function prepare(
  { signal }: BenchContext,
  contender: ContenderName,
  folder: string,
  entriesOfLogs: readonly number[]
): Promise<Shared> {
  const [listener, dialler] = [join(folder, 'listener'), join(folder, 'dialler')]
  const tokens: string[] = []
  await using alice = await spawnPeer(contender, { isListening: true, signal, directory: listener })
  await using bob = await spawnPeer(contender, { isListening: false, signal, directory: dialler })
  await bob.dial(await alice.addresses())
  for (const entries of entriesOfLogs) {
    const token = await alice.createLog()
    const { head } = await alice.fill(token, entries, PAYLOAD_BYTES)
    await bob.catchUp(token, head, entries)
    tokens.push(token)
  }
  return { listener, dialler, tokens }
}

function shareOf(shares: ReadonlyMap<ContenderName, Shared>, contender: ContenderName): Shared {
  const shared = shares.get(contender)
  if (shared === undefined) throw new Error('contender was not prepared')
  return shared
}

function untilQuiet(link: TcpLink): Promise<void> {
  return until('silence', MAX_QUIET_WAIT_MS, () => {
    const { lastByteAtMs } = link.traffic()
    return lastByteAtMs !== null && performance.now() - lastByteAtMs > QUIET_MS
  })
}

async function until(what: string, timeoutMs: number, claim: () => boolean): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!claim()) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
