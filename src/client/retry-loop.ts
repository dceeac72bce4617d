import type { Clock } from '#replica/network/clock.ts'

export interface RetryLoopInit {
  /** Returns whether anything is left to do; a throw counts as "yes". */
  readonly attempt: (signal: AbortSignal) => Promise<boolean>
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  /** 0..1, for jitter. */
  readonly random: () => number
}

export interface RetryLoop {
  /** Something changed: attempt now (or right after the running attempt), and reset the back-off. */
  kick(): void
  stop(): Promise<void>
}

/** Attempts until nothing is left, with exponential back-off and jitter between failures; at most one attempt at a time. */
export function createRetryLoop(clock: Clock, init: RetryLoopInit): RetryLoop {
  const stopped = new AbortController()
  let cancelTimer: (() => void) | undefined
  let running: Promise<void> | undefined
  let isKicked = false
  let failures = 0

  async function attemptOnce(): Promise<void> {
    do {
      isKicked = false
      let isLeft = true
      try {
        isLeft = await init.attempt(stopped.signal)
      } catch {
        isLeft = true
      }
      failures = isLeft ? failures + 1 : 0
    } while (isPending())
  }

  /** A kick may come while an attempt is awaited. */
  function isPending(): boolean {
    return isKicked && !stopped.signal.aborted
  }

  function begin(): void {
    cancelTimer?.()
    cancelTimer = undefined
    running = attemptOnce().finally(() => {
      running = undefined
      if (stopped.signal.aborted) return
      if (isKicked) begin()
      else if (failures > 0) cancelTimer = clock.after(delayMs(), begin)
    })
  }

  function delayMs(): number {
    const ceiling = Math.min(init.maxDelayMs, init.firstDelayMs * 2 ** Math.min(failures - 1, 20))
    return ceiling * (0.5 + init.random() / 2)
  }

  return {
    kick() {
      if (stopped.signal.aborted) return
      failures = 0
      isKicked = true
      if (running === undefined) begin()
    },
    async stop() {
      stopped.abort()
      cancelTimer?.()
      await running
    }
  }
}
