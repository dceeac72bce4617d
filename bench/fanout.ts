import type { Bench, BenchContext } from './bench.ts'
import { compare, interleave, quantile } from './measure.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { ContenderName } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'
import type { SpawnedPeer } from './spawn-peer.ts'

interface Crowd {
  readonly peers: number
  /** All peers together; a multiple of `peers`. */
  readonly messages: number
}

const FULL: Crowd = { peers: 50, messages: 200 }
const QUICK: Crowd = { peers: 10, messages: 40 }

/** One message of somebody in the crowd. Half of what two cores of this kind carry at 50 peers. */
const GAP_MS = 200
/** More would only wait for each other. */
const PARALLEL_STARTS = 2
/** For what is still under way when all have spoken. */
const PATIENCE_MS = 30_000

interface Heard {
  readonly p50: number
  readonly p95: number
  readonly lost: number
}

/** Many peers in one conversation, each connected to one node only: from append to announcement at each other peer. */
export const fanoutBench: Bench = {
  name: 'fanout',
  maxMsPerRun: 20 * 60_000,
  async run(context) {
    const crowd = context.isQuick ? QUICK : FULL
    const heard = await interleave(
      context,
      CONTENDERS,
      (contender) => speakAndHear(context, contender, crowd),
      ({ p50, p95, lost }) =>
        `${crowd.peers} peers: p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, ${lost} lost`
    )
    return (['p50', 'p95', 'lost'] as const).map((figure) =>
      compare({
        bench: 'fanout',
        case: `${crowd.peers}-peers-${figure}`,
        unit: figure === 'lost' ? 'messages' : 'ms',
        ours: heard.deaddrop.map((value) => value[figure]),
        rival: { name: RIVAL_NAME, values: heard.stock.map((value) => value[figure]) }
      })
    )
  }
}

async function speakAndHear(
  { signal }: BenchContext,
  contender: ContenderName,
  { peers, messages }: Crowd
): Promise<Heard> {
  await using stack = new AsyncDisposableStack()
  const hub = stack.use(await spawnPeer(contender, { isListening: true, signal }))
  const token = await hub.createLog()
  const addresses = await hub.addresses()
  const crowd: SpawnedPeer[] = []
  stack.defer(async () => {
    await Promise.all(crowd.map((peer) => peer[Symbol.asyncDispose]()))
  })
  const join = async (): Promise<void> => {
    const peer = await spawnPeer(contender, { isListening: false, signal })
    crowd.push(peer)
    await peer.dial(addresses)
    await peer.openLog(token)
  }
  while (crowd.length < peers) {
    const joining = Array.from({ length: Math.min(PARALLEL_STARTS, peers - crowd.length) }, join)
    // All have ended, one way or the other, before one that failed ends the bench: none is left behind.
    const joined = await Promise.allSettled(joining)
    for (const one of joined) if (one.status === 'rejected') throw one.reason
  }
  // Once around: meshes form, code gets compiled. What is lost here is lost for later, too.
  await speak(crowd, token, peers)
  await Promise.all(crowd.map((peer) => peer.heardSince(token, 0, peers - 1, PATIENCE_MS)))

  const sinceMs = performance.timeOrigin + performance.now()
  await speak(crowd, token, messages)
  const expectedEach = messages - messages / peers
  const latencies = await Promise.all(
    crowd.map((peer) => peer.heardSince(token, sinceMs, expectedEach, PATIENCE_MS))
  )
  const all = latencies.flat()
  return {
    p50: quantile(all, 0.5),
    p95: quantile(all, 0.95),
    lost: peers * expectedEach - all.length
  }
}

/** One after the other, all at the same pace. */
async function speak(
  crowd: readonly SpawnedPeer[],
  token: string,
  messages: number
): Promise<void> {
  await Promise.all(
    crowd.map(async (peer, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * GAP_MS))
      await peer.say(token, messages / crowd.length, PAYLOAD_BYTES, crowd.length * GAP_MS)
    })
  )
}
