import type { Clock } from '#replica/network/clock.ts'
import type { PinService } from './pin-service.ts'
import type { PinnedLog, Registry } from './registry.ts'

/** Deletes logs whose promise has ended, now and then. */
export interface Expiry {
  start(): void
  /** One round. @returns how many logs were deleted. */
  sweep(): Promise<number>
  /** Waits for a round under way. */
  stop(): Promise<void>
}

const SWEEP_INTERVAL_MS = 60_000

/** Kept for this long after the promise ended, so that a clock that is a day ahead breaks none. */
export const GRACE_MS = 86_400_000

/** Logs deleted in one round, so that a round ends: forgetting a long log takes a while. */
const MAX_LOGS_PER_SWEEP = 64

/** @param components.onError - told when deleting failed; the next round tries again. */
export function createExpiry(components: {
  readonly clock: Clock
  readonly registry: Registry
  readonly service: PinService
  readonly onSwept: (deletedLogs: number) => void
  readonly onError: (error: unknown) => void
}): Expiry {
  const { clock, registry, service, onSwept, onError } = components
  let isStopped = false
  let cancelTimer = (): void => undefined
  let round: Promise<void> = Promise.resolve()

  async function sweep(): Promise<number> {
    const isOver = (record: PinnedLog): boolean => clock.now() > record.heldUntilMs + GRACE_MS
    let deleted = 0
    for (const record of registry.all().filter(isOver).slice(0, MAX_LOGS_PER_SWEEP)) {
      if (isStopped) break
      if (await service.expire(record.address, isOver)) deleted++
    }
    return deleted
  }

  async function run(): Promise<void> {
    try {
      const deleted = await sweep()
      if (deleted > 0) onSwept(deleted)
    } catch (error) {
      onError(error)
    }
    if (!isStopped) cancelTimer = clock.after(SWEEP_INTERVAL_MS, begin)
  }

  function begin(): void {
    round = run()
  }

  return {
    start: begin,
    sweep,
    async stop() {
      isStopped = true
      cancelTimer()
      await round
    }
  }
}
