import type { Bench, BenchContext, Result } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { ContenderName } from './peer.ts'
import { forgetPeakMemory, readProcessStats } from './process-stats.ts'
import { spawnPeer } from './spawn-peer.ts'
import { openTcpLink } from './tcp-link.ts'

const WARM_UP = 50
const ONE_WAY_DELAY_MS = 50

const SIZES = { short: 1_000, long: 10_000, huge: 50_000 } as const
const QUICK_SIZES = { short: 200, long: 500, huge: 2_000 } as const

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

/** How fast a newcomer gets a log that it knows nothing of, from the one peer that holds it. */
export const catchupBench: Bench = {
  name: 'catchup',
  maxMsPerRun: 30 * 60_000,
  async run(context) {
    const { short, long, huge } = context.isQuick ? QUICK_SIZES : SIZES
    const near = { count: short, delayMs: 0 }
    const far = { count: short, delayMs: ONE_WAY_DELAY_MS }
    return [
      ...(await measureRate(context, `${short}-loopback`, near)),
      ...(await measureRate(context, `${short}-${ONE_WAY_DELAY_MS}ms`, far)),
      ...(await measureLong(context, { count: long, delayMs: 0 })),
      ...(await measureMemory(context, { count: huge, delayMs: 0 }))
    ]
  }
}

async function measureRate(
  context: BenchContext,
  name: string,
  distance: Distance
): Promise<readonly Result[]> {
  const caught = await measureBoth(context, name, distance)
  return [
    compare({
      bench: 'catchup',
      case: name,
      unit: 'entries/s',
      ours: caught.deaddrop.map(({ rate }) => rate),
      rival: { name: RIVAL_NAME, values: caught.stock.map(({ rate }) => rate) }
    })
  ]
}

/** The same runs also say when the first entries could be shown. */
async function measureLong(context: BenchContext, distance: Distance): Promise<readonly Result[]> {
  const name = `${distance.count}-loopback`
  const caught = await measureBoth(context, name, distance)
  return [
    compare({
      bench: 'catchup',
      case: name,
      unit: 'entries/s',
      ours: caught.deaddrop.map(({ rate }) => rate),
      rival: { name: RIVAL_NAME, values: caught.stock.map(({ rate }) => rate) }
    }),
    compare({
      bench: 'catchup',
      case: `first-50-usable`,
      unit: 'ms',
      ours: caught.deaddrop.map(({ usableMs }) => usableMs),
      rival: { name: RIVAL_NAME, values: caught.stock.map(({ usableMs }) => usableMs) }
    })
  ]
}

/** Alone: the rival takes a quarter of an hour for what is measured here. */
async function measureMemory(
  context: BenchContext,
  distance: Distance
): Promise<readonly Result[]> {
  const name = `${distance.count}-memory`
  const caught = await interleave(
    context,
    ['deaddrop'],
    (contender) => catchUpOnce(context, contender, distance),
    (value) => describe(name, value)
  )
  return [
    compare({
      bench: 'catchup',
      case: name,
      unit: 'MB',
      ours: caught.deaddrop.map(({ growthMb }) => growthMb),
      rival: null
    }),
    compare({
      bench: 'catchup',
      case: `${distance.count}-loopback`,
      unit: 'entries/s',
      ours: caught.deaddrop.map(({ rate }) => rate),
      rival: null
    })
  ]
}

function measureBoth(
  context: BenchContext,
  name: string,
  distance: Distance
): Promise<Readonly<Record<ContenderName, readonly Caught[]>>> {
  return interleave(
    context,
    CONTENDERS,
    (contender) => catchUpOnce(context, contender, distance),
    (caught) => describe(name, caught)
  )
}

async function catchUpOnce(
  { signal }: BenchContext,
  contender: ContenderName,
  { count, delayMs }: Distance
): Promise<Caught> {
  await using holder = await spawnPeer(contender, { isListening: true, signal })
  const token = await holder.createLog()
  const { head } = await holder.fill(token, count, PAYLOAD_BYTES)
  const warmUp = await holder.createLog()
  const warm = await holder.fill(warmUp, WARM_UP, PAYLOAD_BYTES)
  await using newcomer = await spawnPeer(contender, { isListening: false, signal })
  const addresses = await holder.addresses()
  await using link = delayMs === 0 ? null : await openTcpLink(addresses, { delayMs })
  await newcomer.dial(link?.addresses ?? addresses)
  // What is measured begins between two peers that know each other.
  await newcomer.catchUp(warmUp, warm.head, WARM_UP)
  await forgetPeakMemory(newcomer.pid)
  const before = await readProcessStats(newcomer.pid)
  const { ms, usableMs } = await newcomer.catchUp(token, head, count)
  const after = await readProcessStats(newcomer.pid)
  return { rate: (count / ms) * 1_000, usableMs, growthMb: after.peakMb - before.residentMb }
}

function describe(name: string, { rate, usableMs, growthMb }: Caught): string {
  return `${name} ${rate.toFixed(0)} entries/s, first 50 after ${usableMs.toFixed(0)} ms, +${growthMb.toFixed(0)} MB`
}
