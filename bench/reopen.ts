import { join } from 'node:path'
import { withTempDir } from '#tests/support/temp-dir.ts'
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

/** From the call of open, in a peer that was just started, until the newest entries were read. */
export const reopenBench: Bench = {
  name: 'reopen',
  maxMsPerRun: 30 * 60_000,
  async run(context) {
    await using host = await startPageHost()
    const sizes = context.isQuick ? QUICK_SIZES : SIZES
    return [
      ...(await measureLong(context, host, sizes.long)),
      ...(await measureBoth(context, 'node', sizes.node, ({ contender, directory }) =>
        spawnPeer(contender, { isListening: false, signal: context.signal, directory })
      )),
      ...(await measureBoth(context, 'chromium', sizes.chromium, ({ contender, directory }) =>
        openPagePeer(host, contender, { signal: context.signal, profile: directory })
      ))
    ]
  }
}

/** One log for all runs, in Node and, by catch-up from there, in Chromium. */
async function measureLong(
  context: BenchContext,
  host: PageHost,
  count: number
): Promise<readonly Result[]> {
  const { signal } = context
  await using folder = await withTempDir('deaddrop-bench-')
  const directory = join(folder.path, 'node')
  const profile = join(folder.path, 'chromium')
  const token = await fillBoth(context, host, { directory, profile, count })
  const places = {
    node: () => spawnPeer('deaddrop', { isListening: false, signal, directory }),
    chromium: () => openPagePeer(host, 'deaddrop', { signal, profile })
  } as const
  const times = await interleave(
    context,
    ['node', 'chromium'],
    async (place) => {
      await using peer = await places[place]()
      return await peer.reopen(token, NEWEST)
    },
    (ms) => `newest ${NEWEST} of ${count} after ${ms.toFixed(0)} ms`
  )
  return (['node', 'chromium'] as const).map((place) =>
    compare({
      bench: 'reopen',
      case: `${place}-${count}`,
      unit: 'ms',
      ours: times[place],
      rival: null
    })
  )
}

async function fillBoth(
  { signal }: BenchContext,
  host: PageHost,
  { directory, profile, count }: { directory: string; profile: string; count: number }
): Promise<string> {
  await using holder = await spawnPeer('deaddrop', { isListening: true, signal, directory })
  const token = await holder.createLog()
  const { head } = await holder.fill(token, count, PAYLOAD_BYTES)
  const [relay] = await holder.addresses()
  if (relay === undefined) throw new Error('holder has no address')
  await using page = await openPagePeer({ ...host, relay }, 'deaddrop', { signal, profile })
  await page.catchUp(token, head, count)
  return token
}

async function measureBoth(
  context: BenchContext,
  place: string,
  count: number,
  open: (where: {
    readonly contender: ContenderName
    readonly directory: string
  }) => Promise<BenchPeer & AsyncDisposable>
): Promise<readonly Result[]> {
  await using folder = await withTempDir('deaddrop-bench-')
  const directoryOf = (contender: ContenderName): string => join(folder.path, contender)
  const tokens = new Map<ContenderName, string>()
  for (const contender of CONTENDERS) {
    await using peer = await open({ contender, directory: directoryOf(contender) })
    const token = await peer.createLog()
    await peer.fill(token, count, PAYLOAD_BYTES)
    tokens.set(contender, token)
  }
  const times = await interleave(
    context,
    CONTENDERS,
    async (contender) => {
      await using peer = await open({ contender, directory: directoryOf(contender) })
      return await peer.reopen(tokens.get(contender) ?? '', NEWEST)
    },
    (ms) => `${place} newest ${NEWEST} of ${count} after ${ms.toFixed(0)} ms`
  )
  return [
    compare({
      bench: 'reopen',
      case: `${place}-${count}`,
      unit: 'ms',
      ours: times.deaddrop,
      rival: { name: RIVAL_NAME, values: times.stock }
    })
  ]
}
