import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { createDaemonPlatform } from '#replica/network/libp2p-options.node.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import type { PinningNodeConfig } from './config.ts'
import type { PinningNode } from './create-pinning-node.ts'
import { createPinningNode } from './create-pinning-node.ts'
import type { Logger } from './logger.ts'
import { createLogger, describeError } from './logger.ts'
import { createQuota } from './quota.ts'

const EXIT = { stopped: 0, failed: 1, inUse: 3 } as const

/** Longest time that stopping may take, ms; what is not on disk by then was never promised. */
const STOP_TIMEOUT_MS = 8_000

/** A started node with everything below it. */
interface Running {
  readonly node: PinningNode
  stop(): Promise<void>
}

async function start(
  config: PinningNodeConfig,
  version: string,
  logger: Logger,
  complain: (text: string) => void
): Promise<Running> {
  const { dataDir } = config
  await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new DeadDropError('storage-denied', 'data folder cannot be made', { cause })
  })
  const undo: (() => Promise<void>)[] = []
  async function stop(): Promise<void> {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => logger.event('stop-failed', describeError(error)))
    }
  }
  try {
    const store = await openLevelStore({ directory: join(dataDir, 'store') })
    undo.push(() => store.close())
    const clock = createSystemClock()
    const replica = await createNodeReplica(
      { store, clock },
      {
        platform: createDaemonPlatform({
          host: config.wsHost,
          wsPort: config.wsPort,
          webrtcPort: config.webrtcPort,
          onWarning: complain,
          announce: config.announce
        })
      }
    )
    undo.push(() => replica.stop())
    const node = await createPinningNode(
      {
        store,
        replica,
        verifier: createSignatureVerifier(),
        clock,
        logger,
        freeDiskBytes: async () => {
          const { bavail, bsize } = await statfs(dataDir)
          return bavail * bsize
        }
      },
      {
        quota: createQuota(config),
        version,
        http: { host: config.httpHost, port: config.httpPort }
      }
    )
    undo.push(() => node.stop())
    return { node, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function explain(error: unknown): string {
  if (!isDeadDropError(error)) return JSON.stringify(describeError(error))
  if (error.code === 'data-in-use') {
    return 'the data folder is in use by another node; stop that one, or give this one another --data'
  }
  const cause =
    error.cause instanceof Error && 'code' in error.cause ? ` (${String(error.cause.code)})` : ''
  return `${error.message}${cause}`
}

/**
 * Runs a node until it is asked to stop, then ends the process: 0 stopped, 1 failed, 3 data folder in use.
 *
 * @param complain - writes a line for the operator to standard error.
 */
export async function runNode(
  config: PinningNodeConfig,
  version: string,
  complain: (text: string) => void
): Promise<void> {
  const logger = createLogger(
    { writeLine: (line) => process.stdout.write(`${line}\n`) },
    { format: config.log }
  )
  // Who reads our output may go away; that is no reason to stop serving.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  const dieOf = (event: string) => (error: unknown) => {
    complain(`${event}: ${JSON.stringify(describeError(error))}`)
    process.exit(EXIT.failed)
  }
  process.on('uncaughtException', dieOf('uncaught exception'))
  process.on('unhandledRejection', dieOf('unhandled rejection'))

  const asked = Promise.withResolvers<undefined>()
  let signals = 0
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals++
      if (signals > 1) process.exit(EXIT.failed)
      asked.resolve(undefined)
    })
  }

  let running: Running
  try {
    running = await start(config, version, logger, complain)
  } catch (error) {
    complain(explain(error))
    process.exit(isDeadDropError(error) && error.code === 'data-in-use' ? EXIT.inUse : EXIT.failed)
  }
  const { node } = running
  logger.event('ready', { peerId: node.peerId, multiaddrs: node.multiaddrs, http: node.http })

  await asked.promise
  logger.event('stopping')
  setTimeout(() => {
    complain(`not stopped after ${STOP_TIMEOUT_MS} ms, giving up`)
    process.exit(EXIT.failed)
  }, STOP_TIMEOUT_MS).unref()
  await running.stop()
  logger.event('stopped')
  process.exit(EXIT.stopped)
}
