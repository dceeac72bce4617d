import type { Bench, BenchContext, Result } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { openPagePeer, startPageHost } from './page-peer.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'

const WARM_UP = 200
/** Appends to the short log and to the long one take turns, so that the machine treats both alike. */
const TURNS = 10
const APPENDS_PER_TURN = 100

/** How many entries a lone writer stores in a second, one after the other, and whether the length of the log matters. */
export const appendBench: Bench = {
  name: 'append',
  maxMsPerRun: 20 * 60_000,
  async *run(context) {
    const count = context.isQuick ? 200 : 1_000
    const longCount = context.isQuick ? 5_000 : 100_000
    yield* await measureNode(context, { place: 'node', count })
    yield* await measureChromium(context, { place: 'chromium', count })
    yield* await measureFlat(context, longCount)
  }
}

interface Place {
  readonly place: 'node' | 'chromium'
  readonly count: number
}

async function measurePlace(
  context: BenchContext,
  { place, count }: Place,
  open: (contender: ContenderName) => Promise<BenchPeer & AsyncDisposable>
): Promise<readonly Result[]> {
  const rates = await interleave(
    context,
    CONTENDERS,
    async (contender) => {
      await using peer = await open(contender)
      await peer.fill(await peer.createLog(), WARM_UP, PAYLOAD_BYTES)
      const { ms } = await peer.fill(await peer.createLog(), count, PAYLOAD_BYTES)
      return (count / ms) * 1_000
    },
    (rate) => `${place} ${rate.toFixed(0)} appends/s`
  )
  return [
    compare({
      bench: 'append',
      case: nameOf({ place, count }),
      unit: 'appends/s',
      ours: rates.deaddrop,
      rival: { name: RIVAL_NAME, values: rates.stock }
    })
  ]
}

function nameOf({ place, count }: Place): string {
  return `${place}-${count}`
}

async function measureNode(context: BenchContext, place: Place): Promise<readonly Result[]> {
  if (!context.wants(nameOf(place))) return []
  const { signal } = context
  return measurePlace(context, place, (contender) =>
    spawnPeer(contender, { isListening: false, signal })
  )
}

async function measureChromium(context: BenchContext, place: Place): Promise<readonly Result[]> {
  if (!context.wants(nameOf(place))) return []
  await using host = await startPageHost()
  return await measurePlace(context, place, (contender) => openPagePeer(host, contender, context))
}

/** Cost of an append to a long log, divided by the cost in one of 1,000 entries, in the same process and minute. */
async function measureFlat(context: BenchContext, longCount: number): Promise<readonly Result[]> {
  const name = `flat-${longCount}`
  if (!context.wants(name)) return []
  const shortCount = 1_000
  await using peer = await spawnPeer('deaddrop', { isListening: false, signal: context.signal })
  const long = await peer.createLog()
  await peer.fill(long, longCount, PAYLOAD_BYTES)
  const ratios = await interleave(
    context,
    ['deaddrop'],
    async () => {
      const short = await peer.createLog()
      await peer.fill(short, shortCount, PAYLOAD_BYTES)
      const spentMs = new Map([
        [short, 0],
        [long, 0]
      ])
      for (let turn = 0; turn < TURNS; turn++) {
        for (const token of turn % 2 === 0 ? [short, long] : [long, short]) {
          const { ms } = await peer.fill(token, APPENDS_PER_TURN, PAYLOAD_BYTES)
          spentMs.set(token, (spentMs.get(token) ?? 0) + ms)
        }
      }
      return (spentMs.get(long) ?? 0) / (spentMs.get(short) ?? 0)
    },
    (ratio) => `at ${longCount} entries an append costs ${ratio.toFixed(2)} of one at ${shortCount}`
  )
  return [
    compare({
      bench: 'append',
      case: name,
      unit: 'ratio',
      ours: ratios.deaddrop,
      rival: null
    })
  ]
}
