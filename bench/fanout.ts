import { allEnded } from './all-ended.ts'
import type { Bench, BenchContext } from './bench.ts'
import { compare, interleave, quantile } from './measure.ts'
import { PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'
import { spawnPeer, spawnPeers } from './spawn-peer.ts'
import type { SpawnedPeers } from './spawn-peer.ts'

interface Crowd {
  /** A multiple of {@link PROCESSES}. */
  readonly peers: number
  /** All peers together; a multiple of `peers`. */
  readonly messages: number
}

const FULL: Crowd = { peers: 50, messages: 200 }
const QUICK: Crowd = { peers: 10, messages: 40 }

/**
 * Loading the code is most of a process's start, so the crowd shares a few. Each peer has its own libp2p node, store and
 * connection to the hub. More processes than cores, so that no core waits for work that another one has.
 */
const PROCESSES = 5

/** One message of somebody in the crowd. Half of what two cores of this kind carry at 50 peers. */
const GAP_MS = 200
/** What did not come while nothing else came for this long is lost: longer than gossip repairs. */
const SILENCE_MS = 5_000
/** A crowd that is behind by more than this when all have spoken does not carry the conversation. */
const PATIENCE_MS = 30_000

/** What is at the centre, and around it. */
const SETTINGS = {
  deaddrop: { contender: 'deaddrop', hasDefaultMesh: false },
  defaultMesh: { contender: 'deaddrop', hasDefaultMesh: true },
  stock: { contender: 'stock', hasDefaultMesh: false }
} as const satisfies Record<string, Setting>

interface Setting {
  readonly contender: ContenderName
  /** Of the hub; see {@link PeerProcessInit}. */
  readonly hasDefaultMesh: boolean
}

type SettingName = keyof typeof SETTINGS

const DEFAULT_MESH_NAME = 'DeadDrop with default gossipsub'

interface Heard {
  readonly p50: number
  readonly p95: number
  readonly lost: number
}

const FIGURES = ['p50', 'p95', 'lost'] as const satisfies readonly (keyof Heard)[]

/** Many peers in one conversation, each connected to one node only: from append to announcement at each other peer. */
export const fanoutBench: Bench = {
  name: 'fanout',
  maxMsPerRun: 20 * 60_000,
  async *run(context) {
    const crowd = context.isQuick ? QUICK : FULL
    const prefix = `${crowd.peers}-peers`
    const rivals = (
      [
        { prefix, setting: 'stock', name: RIVAL_NAME },
        { prefix: `${prefix}-default-gossipsub`, setting: 'defaultMesh', name: DEFAULT_MESH_NAME }
      ] as const
    ).filter((rival) => context.wants(...FIGURES.map((figure) => `${rival.prefix}-${figure}`)))
    const heard: Partial<Record<SettingName, readonly Heard[]>> = await interleave<
      SettingName,
      Heard
    >(
      context,
      ['deaddrop', ...rivals.map(({ setting }) => setting)],
      (name) => speakAndHear(context, SETTINGS[name], crowd),
      ({ p50, p95, lost }) =>
        `${crowd.peers} peers: p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, ${lost} lost`
    )
    yield* rivals.flatMap((rival) =>
      FIGURES.map((figure) => {
        const valuesOf = (name: SettingName): readonly number[] =>
          (heard[name] ?? []).map((value) => value[figure])
        return compare({
          bench: 'fanout',
          case: `${rival.prefix}-${figure}`,
          unit: figure === 'lost' ? 'messages' : 'ms',
          ours: valuesOf('deaddrop'),
          rival: { name: rival.name, values: valuesOf(rival.setting) }
        })
      })
    )
  }
}

async function speakAndHear(
  { signal }: BenchContext,
  { contender, hasDefaultMesh }: Setting,
  { peers, messages }: Crowd
): Promise<Heard> {
  await using stack = new AsyncDisposableStack()
  const hub = stack.use(await spawnPeer(contender, { isListening: true, signal, hasDefaultMesh }))
  const token = await hub.createLog()
  const addresses = await hub.addresses()
  const processes: SpawnedPeers[] = []
  stack.defer(async () => {
    await allEnded(processes.map(async (one) => one[Symbol.asyncDispose]()))
  })
  const crowd: BenchPeer[] = []
  const startSome = async (): Promise<void> => {
    const started = await spawnPeers(contender, peers / PROCESSES, { isListening: false, signal })
    processes.push(started)
    for (const peer of started.peers) {
      await peer.dial(addresses)
      await peer.openLog(token)
      crowd.push(peer)
    }
  }
  await allEnded(Array.from({ length: PROCESSES }, startSome))

  // Once around: meshes form, code gets compiled. What is lost here is lost for later, too.
  await speak(crowd, token, peers)
  await hearAll(crowd, token, 0, peers - 1)

  const sinceMs = performance.timeOrigin + performance.now()
  await speak(crowd, token, messages)
  const expectedEach = messages - messages / peers
  const all = await hearAll(crowd, token, sinceMs, expectedEach)
  return {
    p50: quantile(all, 0.5),
    p95: quantile(all, 0.95),
    lost: peers * expectedEach - all.length
  }
}

/** One after the other, all at the same pace. */
async function speak(crowd: readonly BenchPeer[], token: string, messages: number): Promise<void> {
  await Promise.all(
    crowd.map(async (peer, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * GAP_MS))
      await peer.say(token, messages / crowd.length, PAYLOAD_BYTES, crowd.length * GAP_MS)
    })
  )
}

/** @returns latencies of everything that each of the crowd heard, `expectedEach` or fewer, as soon as no more is to come. */
async function hearAll(
  crowd: readonly BenchPeer[],
  token: string,
  sinceMs: number,
  expectedEach: number
): Promise<readonly number[]> {
  const giveUpAtMs = performance.now() + PATIENCE_MS
  let heard: readonly number[] = []
  for (;;) {
    const latencies = await Promise.all(
      crowd.map((peer) => peer.heardSince(token, sinceMs, expectedEach, SILENCE_MS))
    )
    const all = latencies.flat()
    const isSilent = all.length === heard.length
    heard = all
    const isOver = isSilent || performance.now() > giveUpAtMs
    if (isOver || heard.length === crowd.length * expectedEach) return heard
  }
}
