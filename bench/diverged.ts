import type { Bench, BenchContext, Result } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { ContenderName } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'
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

/** What it costs two peers to agree again after a time apart. */
export const divergedBench: Bench = {
  name: 'diverged',
  maxMsPerRun: 20 * 60_000,
  async run(context) {
    const small = context.isQuick ? QUICK_SMALL : SMALL
    return [
      ...(await measureDiverged(context, context.isQuick ? QUICK : FULL, ['deaddrop'])),
      ...(await measureDiverged(context, small, CONTENDERS)),
      ...(await measureIdle(context))
    ]
  }
}

async function measureDiverged(
  context: BenchContext,
  sizes: Sizes,
  contenders: readonly ContenderName[]
): Promise<readonly Result[]> {
  const name = `${sizes.common}-common-${sizes.missing}-each`
  const values = await interleave(
    context,
    contenders,
    (contender) => exchangeOnce(context, contender, sizes),
    ({ ms, bytesRatio }) =>
      `${name} agreed after ${ms.toFixed(0)} ms, ${bytesRatio.toFixed(2)} bytes for each that lacked`
  )
  const rivalOf = (pick: (value: Exchanged) => number) =>
    contenders.includes('stock') ? { name: RIVAL_NAME, values: values.stock.map(pick) } : null
  return [
    compare({
      bench: 'diverged',
      case: `${name}-bytes`,
      unit: 'ratio',
      ours: values.deaddrop.map(({ bytesRatio }) => bytesRatio),
      rival: rivalOf(({ bytesRatio }) => bytesRatio)
    }),
    compare({
      bench: 'diverged',
      case: `${name}-time`,
      unit: 'ms',
      ours: values.deaddrop.map(({ ms }) => ms),
      rival: rivalOf(({ ms }) => ms)
    })
  ]
}

async function exchangeOnce(
  { signal }: BenchContext,
  contender: ContenderName,
  { common, missing }: Sizes
): Promise<Exchanged> {
  await using alice = await spawnPeer(contender, { isListening: true, signal })
  const token = await alice.createLog()
  const { head } = await alice.fill(token, common, PAYLOAD_BYTES)
  const commonBytes = await alice.bytes(token)
  await using link = await openTcpLink(await alice.addresses(), { delayMs: 0 })
  await using bob = await spawnPeer(contender, { isListening: false, signal })
  await bob.dial(link.addresses)
  await bob.catchUp(token, head, common)

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
async function measureIdle(context: BenchContext): Promise<readonly Result[]> {
  const count = context.isQuick ? QUICK_IDLE_LOGS : IDLE_LOGS
  const name = `log-of-logs-idle-${count}`
  const kilobytes = await interleave(
    context,
    CONTENDERS,
    (contender) => comeBackOnce(context, contender, count),
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
  { signal }: BenchContext,
  contender: ContenderName,
  count: number
): Promise<number> {
  await using holder = await spawnPeer(contender, { isListening: true, signal })
  await using client = await spawnPeer(contender, { isListening: false, signal })
  await using link = await openTcpLink(await holder.addresses(), { delayMs: 0 })
  await client.dial(link.addresses)
  for (let index = 0; index < count; index++) {
    const token = await holder.createLog()
    const { head } = await holder.fill(token, ENTRIES_PER_IDLE_LOG, PAYLOAD_BYTES)
    await client.catchUp(token, head, ENTRIES_PER_IDLE_LOG)
  }
  await untilQuiet(link)
  link.cut()
  await new Promise((resolve) => setTimeout(resolve, APART_MS))
  link.mend()
  if (contender === 'stock') await client.dial(link.addresses)
  await until('the client to come back', RECONNECT_TIMEOUT_MS, () => link.traffic().bytes > 0)
  await untilQuiet(link)
  return link.traffic().bytes / 1_000
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
