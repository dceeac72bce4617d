import type { LogAddress } from '#protocol/brand.ts'
import type { Clock } from '../network/clock.ts'
import type { OrbitLog } from '../orbitdb/orbit-log.ts'

/** Logs without an owner that stay open although nobody uses them; beyond it the one unused for longest is closed. */
const MAX_IDLE_LOGS = 128
const IDLE_MS = 60_000

/**
 * Gives `work` the log of an address, opened for it where need be, and keeps it open until the work is done.
 *
 * @returns `undefined` when this replica neither has the log open nor holds it.
 */
export type UseLog = <T>(
  address: LogAddress,
  work: (log: OrbitLog) => Promise<T>
) => Promise<T | undefined>

/** Who needs a log to stay open. */
export interface LogLeases {
  /** @returns to be called once, when the need has ended. */
  take(address: LogAddress): () => void
  /** The log is closed already, by whoever. */
  forget(address: LogAddress): void
  stop(): void
}

/**
 * @param components.close - called for a log that nobody has needed for a while. Must not throw.
 * @param init.maxIdle - @default {@link MAX_IDLE_LOGS}
 */
export function createLogLeases(
  components: { readonly clock: Clock; readonly close: (address: LogAddress) => void },
  init: { readonly maxIdle?: number } = {}
): LogLeases {
  const { clock, close } = components
  const maxIdle = init.maxIdle ?? MAX_IDLE_LOGS
  const inUse = new Map<LogAddress, number>()
  /** Since when, the longest first. */
  const idle = new Map<LogAddress, number>()
  let cancelSweep: (() => void) | undefined

  function closeOldest(isDue: (sinceMs: number) => boolean): void {
    for (const [address, sinceMs] of idle) {
      if (!isDue(sinceMs)) return
      idle.delete(address)
      close(address)
    }
  }

  /** One timer, for the log that is due first. */
  function planSweep(): void {
    const oldest = idle.values().next()
    if (cancelSweep !== undefined || oldest.done === true) return
    cancelSweep = clock.after(oldest.value + IDLE_MS - clock.now(), () => {
      cancelSweep = undefined
      closeOldest((sinceMs) => sinceMs + IDLE_MS <= clock.now())
      planSweep()
    })
  }

  return {
    take(address) {
      inUse.set(address, (inUse.get(address) ?? 0) + 1)
      idle.delete(address)
      return () => {
        const left = (inUse.get(address) ?? 1) - 1
        if (left > 0) {
          inUse.set(address, left)
          return
        }
        inUse.delete(address)
        idle.set(address, clock.now())
        closeOldest(() => idle.size > maxIdle)
        planSweep()
      }
    },
    forget(address) {
      idle.delete(address)
    },
    stop() {
      cancelSweep?.()
      idle.clear()
    }
  }
}
