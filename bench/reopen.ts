import { join } from 'node:path'
import { withTempDir } from '#tests/support/temp-dir.ts'
import { allEnded } from './all-ended.ts'
import type { Bench, BenchContext, Result } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { openPagePeer, startPageHost } from './page-peer.ts'
import type { PageHost } from './page-peer.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'

/** What a screen shows. */
const NEWEST = 50

/** The rival fills a hundred entries in a second at best, so beside it the log is a short one. */
const SIZES = { long: 100_000, node: 2_000, chromium: 1_000 } as const
const QUICK_SIZES = { long: 2_000, node: 200, chromium: 100 } as const

const PLACES = ['node', 'chromium'] as const

type PlaceName = (typeof PLACES)[number]

/** A log on the disk of a peer that does not run. */
interface StoredLog {
  /** A data folder in Node, a profile of Chromium. */
  readonly directory: string
  readonly token: string
}

type StartPeer = (
  contender: ContenderName,
  directory: string
) => Promise<BenchPeer & AsyncDisposable>

type Starts = Readonly<Record<PlaceName, StartPeer>>

/** From the call of open, in a peer that was just started, until the newest entries were read. */
export const reopenBench: Bench = {
  name: 'reopen',
  maxMsPerRun: 30 * 60_000,
  async *run(context) {
    const { signal } = context
    const sizes = context.isQuick ? QUICK_SIZES : SIZES
    await using folder = await withTempDir('deaddrop-bench-')
    await using host = await startPageHost()
    const starts: Starts = {
      node: (contender, directory) =>
        spawnPeer(contender, { isListening: false, signal, directory }),
      chromium: (contender, directory) =>
        openPagePeer(host, contender, { signal, profile: directory })
    }
    const places = PLACES.filter((place) => context.wants(`${place}-${sizes[place]}`))
    context.report('logs are written')
    // At the same time: nothing is measured meanwhile.
    const [long, ...short] = await allEnded([
      context.wants(...PLACES.map((place) => `${place}-${sizes.long}`))
        ? storeLong(context, host, join(folder.path, 'long'), sizes.long)
        : Promise.resolve(null),
      ...places.map((place) => storeShort(starts[place], join(folder.path, place), sizes[place]))
    ])
    if (long !== null) yield* await measureLong(context, starts, long, sizes.long)
    for (const [index, place] of places.entries()) {
      const logs = short[index]
      if (logs === undefined) throw new Error('a log was not written')
      yield await measureShort(context, starts[place], logs, `${place}-${sizes[place]}`)
    }
  }
}

/** One log for all runs, in Node and, by catch-up from there, in Chromium. */
async function storeLong(
  { signal }: BenchContext,
  host: PageHost,
  folder: string,
  count: number
): Promise<Readonly<Record<PlaceName, StoredLog>>> {
  const [directory, profile] = [join(folder, 'node'), join(folder, 'chromium')]
  await using holder = await spawnPeer('deaddrop', { isListening: true, signal, directory })
  const token = await holder.createLog()
  const { head } = await holder.fill(token, count, PAYLOAD_BYTES)
  await using page = await openPagePeer(host, 'deaddrop', { signal, profile })
  await page.dial(await holder.addresses())
  await page.catchUp(token, head, count)
  return { node: { directory, token }, chromium: { directory: profile, token } }
}

async function measureLong(
  context: BenchContext,
  starts: Starts,
  logs: Readonly<Record<PlaceName, StoredLog>>,
  count: number
): Promise<readonly Result[]> {
  const times = await interleave(
    context,
    PLACES,
    (place) => reopenOnce(starts[place], 'deaddrop', logs[place]),
    (ms) => `newest ${NEWEST} of ${count} after ${ms.toFixed(0)} ms`
  )
  return PLACES.map((place) =>
    compare({
      bench: 'reopen',
      case: `${place}-${count}`,
      unit: 'ms',
      ours: times[place],
      rival: null
    })
  )
}

async function storeShort(
  start: StartPeer,
  folder: string,
  count: number
): Promise<Readonly<Record<ContenderName, StoredLog>>> {
  const store = async (contender: ContenderName): Promise<StoredLog> => {
    const directory = join(folder, contender)
    await using peer = await start(contender, directory)
    const token = await peer.createLog()
    await peer.fill(token, count, PAYLOAD_BYTES)
    return { directory, token }
  }
  const [deaddrop, stock] = await allEnded([store('deaddrop'), store('stock')])
  return { deaddrop, stock }
}

async function measureShort(
  context: BenchContext,
  start: StartPeer,
  logs: Readonly<Record<ContenderName, StoredLog>>,
  name: string
): Promise<Result> {
  const times = await interleave(
    context,
    CONTENDERS,
    (contender) => reopenOnce(start, contender, logs[contender]),
    (ms) => `${name} newest ${NEWEST} after ${ms.toFixed(0)} ms`
  )
  return compare({
    bench: 'reopen',
    case: name,
    unit: 'ms',
    ours: times.deaddrop,
    rival: { name: RIVAL_NAME, values: times.stock }
  })
}

async function reopenOnce(
  start: StartPeer,
  contender: ContenderName,
  { directory, token }: StoredLog
): Promise<number> {
  await using peer = await start(contender, directory)
  return await peer.reopen(token, NEWEST)
}
