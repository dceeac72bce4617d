import type { Bench, BenchContext, Result } from './bench.ts'
import { compare, interleave, quantile } from './measure.ts'
import { openPagePeer, startPageHost } from './page-peer.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'

/** Gossip meshes form and code gets compiled meanwhile. */
const WARM_UP = 40

/** Brisk conversations, but slow enough for either contender to be done with one entry before the next comes. */
const NODE = { count: 100, gapMs: 50 } as const
const CHROMIUM = { count: 100, gapMs: 100 } as const
const QUICK_COUNT = 50

interface Pace {
  readonly count: number
  readonly gapMs: number
}

interface Latency {
  readonly p50: number
  readonly p95: number
}

/** From the call of append in one peer to the announcement of the entry in the other. */
export const liveBench: Bench = {
  name: 'live',
  async *run(context) {
    const paceOf = (pace: Pace): Pace => (context.isQuick ? { ...pace, count: QUICK_COUNT } : pace)
    yield* await measureNode(context, paceOf(NODE))
    yield* await measureChromium(context, paceOf(CHROMIUM))
  }
}

async function measurePlace(
  context: BenchContext,
  place: string,
  measure: (contender: ContenderName) => Promise<Latency>
): Promise<readonly Result[]> {
  const values = await interleave(
    context,
    CONTENDERS,
    measure,
    ({ p50, p95 }) => `${place} p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`
  )
  return (['p50', 'p95'] as const).map((share) =>
    compare({
      bench: 'live',
      case: `${place}-${share}`,
      unit: 'ms',
      ours: values.deaddrop.map((latency) => latency[share]),
      rival: { name: RIVAL_NAME, values: values.stock.map((latency) => latency[share]) }
    })
  )
}

/** Two processes over WebSockets. */
async function measureNode(context: BenchContext, pace: Pace): Promise<readonly Result[]> {
  if (!context.wants('node-p50', 'node-p95')) return []
  const { signal } = context
  return measurePlace(context, 'node', async (contender) => {
    await using listener = await spawnPeer(contender, { isListening: true, signal })
    await using writer = await spawnPeer(contender, { isListening: false, signal })
    return await measurePair(writer, listener, pace)
  })
}

/** Two browsers over WebRTC, signalled through one pinning node, which both contenders use as a mere relay. */
async function measureChromium(context: BenchContext, pace: Pace): Promise<readonly Result[]> {
  if (!context.wants('chromium-p50', 'chromium-p95')) return []
  await using host = await startPageHost()
  return await measurePlace(context, 'chromium', async (contender) => {
    await using listener = await openPagePeer(host, contender, context)
    await using writer = await openPagePeer(host, contender, context)
    return await measurePair(writer, listener, pace)
  })
}

async function measurePair(
  writer: BenchPeer,
  listener: BenchPeer,
  { count, gapMs }: Pace
): Promise<Latency> {
  await writer.dial(await listener.addresses())
  const token = await writer.createLog()
  await listener.openLog(token)
  await writer.say(token, WARM_UP, PAYLOAD_BYTES, gapMs)
  await listener.hear(token, WARM_UP)
  await writer.say(token, count, PAYLOAD_BYTES, gapMs)
  const latencies = await listener.hear(token, count)
  return { p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95) }
}
