import type { SignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { MAX_ENTRY_BYTES, MAX_PIN_HEADS, MAX_PIN_MESSAGE_BYTES } from '#protocol/limits.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import { createExpiry } from './expiry.ts'
import { startHttpServer } from './http.ts'
import type { Logger } from './logger.ts'
import { describeError } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { openNonceMemory } from './nonce-memory.ts'
import { createPinService } from './pin-service.ts'
import type { Quota } from './quota.ts'
import { openRegistry } from './registry.ts'
import { createUsage } from './usage.ts'

export interface PinningNodeComponents {
  /** Holds the registry; the same store as the replica's, see `pin-service.ts`. Closed by its owner, after {@link PinningNode.stop}. */
  readonly store: KeyValueStore
  /** Started; stopped by its owner, after {@link PinningNode.stop}. */
  readonly replica: Replica
  readonly verifier: SignatureVerifier
  readonly clock: Clock
  readonly logger: Logger
  /** Bytes that the file system of the data folder has left. */
  readonly freeDiskBytes: () => Promise<number>
}

export interface PinningNodeInit {
  readonly quota: Quota
  readonly version: string
  readonly http: { readonly host: string; readonly port: number }
  /** Passed on for tests. */
  readonly headsTimeoutMs?: number
}

export interface PinningNode {
  readonly peerId: string
  /** Addresses to dial, each with `/p2p/<peer id>`. */
  readonly multiaddrs: readonly string[]
  /** `http://127.0.0.1:4712` */
  readonly http: string
  /** May be called twice; never throws. */
  stop(): Promise<void>
}

/**
 * Starts a node that holds what its quota allows. It sees sealed entries, writer pseudonyms, sizes and times; no part of
 * it can open anything.
 *
 * @throws {DeadDropError} `storage-corrupt` or `data-newer` when the registry cannot be read, `internal` when HTTP cannot listen.
 */
export async function createPinningNode(
  components: PinningNodeComponents,
  init: PinningNodeInit
): Promise<PinningNode> {
  const { store, replica, verifier, clock, logger, freeDiskBytes } = components
  const { quota, version } = init
  const metrics = createMetrics()
  const usage = createUsage()
  const registry = await openRegistry(store)
  const nonces = await openNonceMemory(store)
  const service = createPinService(
    { replica, registry, nonces, usage, verifier, clock, metrics, logger, freeDiskBytes },
    { quota, ...(init.headsTimeoutMs === undefined ? {} : { headsTimeoutMs: init.headsTimeoutMs }) }
  )
  const expiry = createExpiry({
    clock,
    registry,
    service,
    onSwept: (logs) => logger.event('expired', { logs }),
    onError: (error) => logger.event('expiry-failed', describeError(error))
  })
  const startedAtMs = clock.now()
  let isServing = false
  let stopping: Promise<void> | undefined

  const http = await startHttpServer(
    {
      isServing: () => isServing,
      info: () => ({
        peerId: replica.peerId,
        multiaddrs: replica.network().multiaddrs,
        version,
        limits: {
          maxLogs: quota.maxLogs,
          maxBytes: quota.maxBytes,
          conversation: quota.logs.conversation,
          drop: quota.logs.drop,
          maxEntryBytes: MAX_ENTRY_BYTES,
          maxPinMessageBytes: MAX_PIN_MESSAGE_BYTES,
          maxPinHeads: MAX_PIN_HEADS
        },
        held: { logs: registry.size(), bytes: usage.totalBytes() },
        startedAtMs
      }),
      metrics: () =>
        metrics.text({
          requests: replica.requestCounters(),
          gauges: {
            logs: registry.size(),
            bytes: usage.totalBytes(),
            peers: replica.network().peers.length,
            resident_memory_bytes: process.memoryUsage.rss()
          }
        })
    },
    init.http
  )

  async function stop(): Promise<void> {
    isServing = false
    const parts: readonly (() => Promise<void>)[] = [
      () => service.stop(),
      () => expiry.stop(),
      () => http.stop()
    ]
    for (const part of parts) {
      try {
        await part()
      } catch (error) {
        logger.event('stop-failed', describeError(error))
      }
    }
  }

  try {
    await service.start()
  } catch (error) {
    await stop()
    throw error
  }
  expiry.start()
  isServing = true
  return {
    peerId: replica.peerId,
    multiaddrs: replica.network().multiaddrs,
    http: http.url,
    stop: () => (stopping ??= stop())
  }
}
