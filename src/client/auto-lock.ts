import type { Clock } from '#replica/network/clock.ts'
import type { Settings } from './client.ts'

/** Locks when nobody has used the app for as long as the user chose. */
export interface AutoLock {
  setPolicy(policy: Settings['autoLock']): void
  /** The user did something. */
  active(): void
  /** Whether the page can be seen at all. */
  setVisible(isVisible: boolean): void
  stop(): void
}

const MINUTE_MS = 60_000

/**
 * Goes by the wall clock, not by timers alone: a device that slept past the time locks when it wakes, before the first touch
 * could count as use.
 */
export function createAutoLock(components: {
  readonly clock: Clock
  readonly lock: () => void
}): AutoLock {
  const { clock } = components
  let policy: Settings['autoLock'] = 'never'
  let activeAtMs = clock.now()
  let hiddenAtMs: number | null = null
  let cancel: (() => void) | undefined
  let isStopped = false

  function dueAtMs(): number {
    switch (policy) {
      case 'never':
        return Infinity
      case 'five-minutes':
        return activeAtMs + 5 * MINUTE_MS
      case 'thirty-minutes':
        return activeAtMs + 30 * MINUTE_MS
      case 'hidden':
        return hiddenAtMs === null ? Infinity : hiddenAtMs + 5 * MINUTE_MS
    }
  }

  /** @returns whether it has locked. */
  function look(): boolean {
    cancel?.()
    cancel = undefined
    if (isStopped) return true
    const leftMs = dueAtMs() - clock.now()
    if (leftMs <= 0) {
      isStopped = true
      components.lock()
      return true
    }
    if (leftMs !== Infinity) cancel = clock.after(leftMs, look)
    return false
  }

  return {
    setPolicy(next) {
      if (next === policy) return
      policy = next
      look()
    },
    active() {
      // The timer that runs finds the later time by itself: this is called at every key.
      if (clock.now() >= dueAtMs()) look()
      else activeAtMs = clock.now()
    },
    setVisible(isVisible) {
      if (look()) return
      hiddenAtMs = isVisible ? null : (hiddenAtMs ?? clock.now())
      look()
    },
    stop() {
      isStopped = true
      cancel?.()
    }
  }
}
