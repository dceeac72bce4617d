import { BoundedMap } from '../bounded-map.ts'
import type { Clock } from '../network/clock.ts'

/** Writers whose newest live frame is remembered, per log. */
const MAX_LIVE_WRITERS = 1_024

/** A frame whose time is further ahead of our clock than this was made, or is read, under a wrong clock. */
const MAX_AHEAD_MS = 5 * 60_000

/** Which live frames of one log were heard, so that nobody can play old presence again. */
export interface LiveFrameMemory {
  /** Whether a frame is newer than what this writer said before; if so, it is remembered. Call it for genuine frames only. */
  isNew(writer: string, timeMs: number): boolean
}

/**
 * Times far ahead of our clock are remembered apart from the others: a writer whose clock was a day ahead is heard again
 * as soon as it is right. The price: a frame from that day may be played once more, at the moment that its time names.
 */
export function createLiveFrameMemory(components: { readonly clock: Clock }): LiveFrameMemory {
  const plausible = new BoundedMap<string, number>(MAX_LIVE_WRITERS)
  const ahead = new BoundedMap<string, number>(MAX_LIVE_WRITERS)
  return {
    isNew(writer, timeMs) {
      const times = timeMs > components.clock.now() + MAX_AHEAD_MS ? ahead : plausible
      if (timeMs <= (times.get(writer) ?? -1)) return false
      times.set(writer, timeMs)
      return true
    }
  }
}
