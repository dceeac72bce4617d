/** Time as a component, so that tests can move it. */
export interface Clock {
  /** Unix ms. */
  now(): number
  /**
   * Calls `callback` once, not before `delayMs` have passed; a background tab may make it late by a minute.
   *
   * @returns cancels the call; calling it twice or afterwards does nothing.
   */
  after(delayMs: number, callback: () => void): () => void
}

/** The clock of the platform; only composition roots pass it on. */
export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs)
      return () => {
        clearTimeout(timer)
      }
    }
  }
}
