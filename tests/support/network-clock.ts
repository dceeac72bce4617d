import type { Clock } from '#replica/network/clock.ts'

export interface FakeClock extends Clock {
  /** Moves time forward, calling what became due in order, and lets promises settle in between. */
  advance(byMs: number): Promise<void>
  /** Calls that are still due. */
  readonly pending: number
}

export function createFakeClock(startMs = 1_000_000): FakeClock {
  let now = startMs
  let calls: { readonly atMs: number; readonly callback: () => void }[] = []
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    now: () => now,
    after: (delayMs, callback) => {
      const call = { atMs: now + delayMs, callback }
      calls.push(call)
      return () => {
        calls = calls.filter((other) => other !== call)
      }
    },
    advance: async (byMs) => {
      const endMs = now + byMs
      await settle()
      for (;;) {
        const [next] = calls.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) {
          break
        }
        calls = calls.filter((call) => call !== next)
        now = next.atMs
        next.callback()
        await settle()
      }
      now = endMs
    },
    get pending() {
      return calls.length
    }
  }
}
