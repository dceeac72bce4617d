import { allEnded } from './all-ended.ts'
import type { Bench, BenchContext, Result } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { openPagePeer, startPageHost } from './page-peer.ts'
import type { PageHost } from './page-peer.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'
import { forgetPeakMemory, readProcessStats } from './process-stats.ts'
import { spawnPeer } from './spawn-peer.ts'
import { openTcpLink } from './tcp-link.ts'

const WARM_UP = 50
const FIRST_USABLE = 'first-50-usable'
const ONE_WAY_DELAY_MS = 50

const SIZES = { short: 1_000, long: 10_000, huge: 50_000 } as const
const QUICK_SIZES = { short: 200, long: 500, huge: 2_000 } as const

interface HeldLog {
  readonly token: string
  readonly head: string
}

/** The one peer of a contender that holds the logs. It lives through all runs: the newcomers are what is measured. */
interface Holder extends AsyncDisposable {
  readonly peer: BenchPeer
  readonly addresses: readonly string[]
  readonly warmUp: HeldLog
  /** By number of entries. */
  readonly logs: ReadonlyMap<number, HeldLog>
}

type Holders = Readonly<Record<ContenderName, Holder>>

interface Distance {
  readonly count: number
  /** One way; 0 is loopback as it is. */
  readonly delayMs: number
}

interface Caught {
  /** Entries in a second. */
  readonly rate: number
  readonly usableMs: number
  /** By how much the newcomer's memory exceeded what it was before, at its peak, MB. */
  readonly growthMb: number
}

interface CaughtInPage {
  readonly rate: number
  readonly longestTaskMs: number
}

type Measure = (context: BenchContext, holders: Holders) => Promise<readonly Result[]>

interface Part {
  readonly cases: readonly string[]
  /** Entries of the logs that each holder needs for it. */
  readonly needs: Readonly<Record<ContenderName, readonly number[]>>
  readonly measure: Measure
}

/** How fast a newcomer gets a log that it knows nothing of, from the one peer that holds it. */
export const catchupBench: Bench = {
  name: 'catchup',
  maxMsPerRun: 30 * 60_000,
  async *run(context) {
    const parts = partsOf(context.isQuick ? QUICK_SIZES : SIZES).filter(({ cases }) =>
      context.wants(...cases)
    )
    await using stack = new AsyncDisposableStack()
    const holders = await prepareHolders(context, parts, stack)
    for (const { measure } of parts) yield* await measure(context, holders)
  }
}

function partsOf({
  short,
  long,
  huge
}: Readonly<Record<'short' | 'long' | 'huge', number>>): readonly Part[] {
  const delayed = `${short}-${ONE_WAY_DELAY_MS}ms`
  const both = (count: number) => ({ deaddrop: [count], stock: [count] })
  const oursAlone = (count: number) => ({ deaddrop: [count], stock: [] })
  return [
    {
      cases: [`${short}-loopback`],
      needs: both(short),
      measure: (...args) => measureRate(...args, `${short}-loopback`, { count: short, delayMs: 0 })
    },
    {
      cases: [delayed],
      needs: both(short),
      measure: (...args) =>
        measureRate(...args, delayed, { count: short, delayMs: ONE_WAY_DELAY_MS })
    },
    {
      cases: [`${long}-loopback`, FIRST_USABLE],
      needs: both(long),
      measure: (...args) => measureLong(...args, long)
    },
    {
      cases: [`${huge}-memory`, `${huge}-loopback`],
      needs: oursAlone(huge),
      measure: (...args) => measureMemory(...args, huge)
    },
    {
      cases: [`chromium-${short}-loopback`, `chromium-${short}-longest-task`],
      needs: both(short),
      measure: (...args) => measurePages(...args, short, CONTENDERS)
    },
    {
      cases: [`chromium-${long}-loopback`, `chromium-${long}-longest-task`],
      needs: oursAlone(long),
      measure: (...args) => measurePages(...args, long, ['deaddrop'])
    },
    {
      cases: [`chromium-${long}-webrtc`, `chromium-${long}-webrtc-longest-task`],
      needs: oursAlone(long),
      measure: (...args) => measurePagePair(...args, long)
    }
  ]
}

/** Both fill their logs at the same time: nothing is measured meanwhile. */
async function prepareHolders(
  context: BenchContext,
  parts: readonly Part[],
  stack: AsyncDisposableStack
): Promise<Holders> {
  const prepare = async (contender: ContenderName): Promise<Holder> => {
    const counts = new Set(parts.flatMap(({ needs }) => needs[contender]))
    context.report(`${contender} writes ${[...counts].join(', ') || 'no'} entries`)
    return stack.use(await startHolder(context, contender, counts))
  }
  const [deaddrop, stock] = await allEnded([prepare('deaddrop'), prepare('stock')])
  return { deaddrop, stock }
}

async function startHolder(
  { signal }: BenchContext,
  contender: ContenderName,
  counts: ReadonlySet<number>
): Promise<Holder> {
  await using stack = new AsyncDisposableStack()
  const peer = stack.use(await spawnPeer(contender, { isListening: true, signal }))
  const fill = async (count: number): Promise<HeldLog> => {
    const token = await peer.createLog()
    const { head } = await peer.fill(token, count, PAYLOAD_BYTES)
    return { token, head }
  }
  const warmUp = await fill(WARM_UP)
  const logs = new Map<number, HeldLog>()
  for (const count of counts) logs.set(count, await fill(count))
  const addresses = await peer.addresses()
  const kept = stack.move()
  return { peer, addresses, warmUp, logs, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

function logOf({ logs }: Pick<Holder, 'logs'>, count: number): HeldLog {
  const log = logs.get(count)
  if (log === undefined) throw new Error(`holder has no log of ${count} entries`)
  return log
}

async function measureRate(
  context: BenchContext,
  holders: Holders,
  name: string,
  distance: Distance
): Promise<readonly Result[]> {
  const caught = await catchUpInTurns(context, holders, name, distance)
  return [rateOf(name, caught)]
}

/** The same runs also say when the first entries could be shown. */
async function measureLong(
  context: BenchContext,
  holders: Holders,
  count: number
): Promise<readonly Result[]> {
  const name = `${count}-loopback`
  const caught = await catchUpInTurns(context, holders, name, { count, delayMs: 0 })
  const usable = compare({
    bench: 'catchup',
    case: FIRST_USABLE,
    unit: 'ms',
    ours: caught.deaddrop.map(({ usableMs }) => usableMs),
    rival: { name: RIVAL_NAME, values: caught.stock.map(({ usableMs }) => usableMs) }
  })
  return [rateOf(name, caught), usable]
}

function rateOf(
  name: string,
  caught: Readonly<Record<ContenderName, readonly { readonly rate: number }[]>>
): Result {
  return compare({
    bench: 'catchup',
    case: name,
    unit: 'entries/s',
    ours: caught.deaddrop.map(({ rate }) => rate),
    rival:
      caught.stock.length === 0
        ? null
        : { name: RIVAL_NAME, values: caught.stock.map(({ rate }) => rate) }
  })
}

/** Alone: the rival takes a quarter of an hour for what is measured here. */
async function measureMemory(
  context: BenchContext,
  holders: Holders,
  count: number
): Promise<readonly Result[]> {
  const name = `${count}-memory`
  const { deaddrop } = await interleave(
    context,
    ['deaddrop'],
    (contender) => catchUpOnce(context, contender, holders[contender], { count, delayMs: 0 }),
    (value) => describe(name, value)
  )
  const memory = compare({
    bench: 'catchup',
    case: name,
    unit: 'MB',
    ours: deaddrop.map(({ growthMb }) => growthMb),
    rival: null
  })
  return [memory, rateOf(`${count}-loopback`, { deaddrop, stock: [] })]
}

function catchUpInTurns(
  context: BenchContext,
  holders: Holders,
  name: string,
  distance: Distance
): Promise<Readonly<Record<ContenderName, readonly Caught[]>>> {
  return interleave(
    context,
    CONTENDERS,
    (contender) => catchUpOnce(context, contender, holders[contender], distance),
    (caught) => describe(name, caught)
  )
}

async function catchUpOnce(
  { signal }: BenchContext,
  contender: ContenderName,
  holder: Holder,
  { count, delayMs }: Distance
): Promise<Caught> {
  const { addresses, warmUp } = holder
  const { token, head } = logOf(holder, count)
  await using newcomer = await spawnPeer(contender, { isListening: false, signal })
  await using link = delayMs === 0 ? null : await openTcpLink(addresses, { delayMs })
  await newcomer.dial(link?.addresses ?? addresses)
  // What is measured begins between two peers that know each other.
  await newcomer.catchUp(warmUp.token, warmUp.head, WARM_UP)
  await forgetPeakMemory(newcomer.pid)
  const before = await readProcessStats(newcomer.pid)
  const { ms, usableMs } = await newcomer.catchUp(token, head, count)
  const after = await readProcessStats(newcomer.pid)
  return { rate: (count / ms) * 1_000, usableMs, growthMb: after.peakMb - before.residentMb }
}

function describe(name: string, { rate, usableMs, growthMb }: Caught): string {
  return `${name} ${rate.toFixed(0)} entries/s, first 50 after ${usableMs.toFixed(0)} ms, +${growthMb.toFixed(0)} MB`
}

/** A page gets a log from a peer in Node over a WebSocket, as from a pinning node. */
async function measurePages(
  context: BenchContext,
  holders: Holders,
  count: number,
  contenders: readonly ContenderName[]
): Promise<readonly Result[]> {
  await using host = await startPageHost()
  const name = `chromium-${count}`
  const caught: Partial<Record<ContenderName, readonly CaughtInPage[]>> = await interleave(
    context,
    contenders,
    (contender) => catchUpInPage(context, host, contender, holders[contender], count),
    (value) => describeInPage(name, value)
  )
  return pageResults(`${name}-loopback`, `${name}-longest-task`, {
    deaddrop: caught.deaddrop ?? [],
    stock: caught.stock ?? []
  })
}

/** A page gets a log from another page over WebRTC, as from another member of a conversation. */
async function measurePagePair(
  context: BenchContext,
  holders: Holders,
  count: number
): Promise<readonly Result[]> {
  const { addresses, warmUp } = holders.deaddrop
  const { token, head } = logOf(holders.deaddrop, count)
  await using host = await startPageHost()
  await using other = await openPagePeer(host, 'deaddrop', context)
  // Before it meets the holder, which relays, too, but is no relay that newcomers know.
  const otherAddresses = await other.addresses()
  await other.dial(addresses)
  await other.catchUp(warmUp.token, warmUp.head, WARM_UP)
  await other.catchUp(token, head, count)
  const source = { ...holders.deaddrop, addresses: otherAddresses }
  const name = `chromium-${count}-webrtc`
  const { deaddrop } = await interleave(
    context,
    ['deaddrop'],
    (contender) => catchUpInPage(context, host, contender, source, count),
    (value) => describeInPage(name, value)
  )
  return pageResults(name, `${name}-longest-task`, { deaddrop, stock: [] })
}

async function catchUpInPage(
  context: BenchContext,
  host: PageHost,
  contender: ContenderName,
  source: Pick<Holder, 'addresses' | 'warmUp' | 'logs'>,
  count: number
): Promise<CaughtInPage> {
  const { token, head } = logOf(source, count)
  await using page = await openPagePeer(host, contender, context)
  await page.dial(source.addresses)
  await page.catchUp(source.warmUp.token, source.warmUp.head, WARM_UP)
  await page.takeLongestTask()
  const { ms } = await page.catchUp(token, head, count)
  return { rate: (count / ms) * 1_000, longestTaskMs: await page.takeLongestTask() }
}

function pageResults(
  rateCase: string,
  taskCase: string,
  caught: Readonly<Record<ContenderName, readonly CaughtInPage[]>>
): readonly Result[] {
  const longestTask = compare({
    bench: 'catchup',
    case: taskCase,
    unit: 'ms',
    ours: caught.deaddrop.map(({ longestTaskMs }) => longestTaskMs),
    rival:
      caught.stock.length === 0
        ? null
        : { name: RIVAL_NAME, values: caught.stock.map(({ longestTaskMs }) => longestTaskMs) }
  })
  return [rateOf(rateCase, caught), longestTask]
}

function describeInPage(name: string, { rate, longestTaskMs }: CaughtInPage): string {
  return `${name} ${rate.toFixed(0)} entries/s, longest task ${longestTaskMs.toFixed(0)} ms`
}
