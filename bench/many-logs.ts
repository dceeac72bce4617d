import { join } from 'node:path'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'
import { allEnded } from './all-ended.ts'
import type { Bench, BenchContext, Result, Unit } from './bench.ts'
import { prepareHeldLogs } from './deaddrop/held-logs.node.ts'
import { compare, interleave } from './measure.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import type { ContenderName } from './peer.ts'
import { readProcessStats } from './process-stats.ts'
import { spawnPeer } from './spawn-peer.ts'
import type { SpawnedPeer } from './spawn-peer.ts'

const ENTRIES_EACH = 10

/** The rival keeps eight files open for each log and takes a minute to fill this many. */
const SIZES = { many: 10_000, few: 500 } as const
const QUICK_SIZES = { many: 500, few: 50 } as const

const READY_TIMEOUT_MS = 5 * 60_000

interface Holding {
  readonly residentMb: number
  readonly openFiles: number
  /** From the start of the process until all logs can be asked for. */
  readonly startMs: number
}

const FIGURES = [
  ['memory', 'MB', 'residentMb'],
  ['files', 'files', 'openFiles'],
  ['start', 'ms', 'startMs']
] as const satisfies readonly (readonly [string, Unit, keyof Holding])[]

/** What it costs a node to hold many logs that are idle: memory, files, and the time of a restart. */
export const manyLogsBench: Bench = {
  name: 'many-logs',
  maxMsPerRun: 30 * 60_000,
  async *run(context) {
    const { many, few } = context.isQuick ? QUICK_SIZES : SIZES
    yield* await measure(context, many, ['deaddrop'])
    yield* await measure(context, few, CONTENDERS)
  }
}

/** The folders are filled once; each run is a restart. */
async function measure(
  context: BenchContext,
  logs: number,
  contenders: readonly ContenderName[]
): Promise<readonly Result[]> {
  if (!context.wants(...FIGURES.map(([name]) => `${logs}-${name}`))) return []
  await using folder = await withTempDir('deaddrop-bench-')
  context.report(`${contenders.join(' and ')} get ${logs} logs`)
  const restarts = new Map<ContenderName, () => Promise<Holding>>()
  // At the same time: nothing is measured meanwhile.
  await allEnded(
    contenders.map(async (contender) => {
      const prepare = contender === 'deaddrop' ? prepareDeadDrop : prepareStock
      restarts.set(contender, await prepare(context, join(folder.path, contender), logs))
    })
  )
  const values = await interleave(
    context,
    contenders,
    async (contender) => {
      const restart = restarts.get(contender)
      if (restart === undefined) throw new Error('contender was not prepared')
      return restart()
    },
    ({ residentMb, openFiles, startMs }) =>
      `${logs} logs: ${residentMb.toFixed(0)} MB, ${openFiles} files, ready after ${startMs.toFixed(0)} ms`
  )
  return FIGURES.map(([name, unit, key]) =>
    compare({
      bench: 'many-logs',
      case: `${logs}-${name}`,
      unit,
      ours: values.deaddrop.map((value) => value[key]),
      rival: contenders.includes('stock')
        ? { name: RIVAL_NAME, values: values.stock.map((value) => value[key]) }
        : null
    })
  )
}

/** The daemon as operators run it. */
async function prepareDeadDrop(
  { signal }: BenchContext,
  dataDir: string,
  logs: number
): Promise<() => Promise<Holding>> {
  const sample = await prepareHeldLogs({
    dataDir,
    logs,
    entriesEach: ENTRIES_EACH,
    payloadBytes: PAYLOAD_BYTES,
    signal
  })
  return async () => {
    const startedAt = performance.now()
    await using node = await spawnPinningNode({
      dataDir,
      args: ['--max-logs', String(logs)],
      readyTimeoutMs: READY_TIMEOUT_MS
    })
    const startMs = performance.now() - startedAt
    // Whatever is left for later must show: a client that needs one of the logs gets it.
    await using client = await spawnPeer('deaddrop', { isListening: false, signal })
    await client.dial(node.multiaddrs.filter((text) => text.includes('/ws')))
    await client.catchUp(sample.token, sample.head, ENTRIES_EACH)
    return { ...(await readProcessStats(node.pid)), startMs }
  }
}

/** A peer that opens one database after the other, which is all that it can do to hold them. */
async function prepareStock(
  { signal }: BenchContext,
  directory: string,
  logs: number
): Promise<() => Promise<Holding>> {
  const start = (): Promise<SpawnedPeer> =>
    spawnPeer('stock', { isListening: true, signal, directory })
  const tokens: string[] = []
  {
    await using peer = await start()
    for (let index = 0; index < logs; index++) {
      const token = await peer.createLog()
      await peer.fill(token, ENTRIES_EACH, PAYLOAD_BYTES)
      tokens.push(token)
    }
  }
  return async () => {
    const startedAt = performance.now()
    await using peer = await start()
    for (const token of tokens) await peer.openLog(token)
    const startMs = performance.now() - startedAt
    return { ...(await readProcessStats(peer.pid)), startMs }
  }
}
