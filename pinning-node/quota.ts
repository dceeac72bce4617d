import type { PinKind } from '#protocol/pin-messages.ts'
import type { LogSize } from '#replica/sealed-log.ts'

/** Bounds of one log. */
export interface LogBounds {
  readonly maxEntries: number
  readonly maxBytes: number
  /** Longest promise for one request. */
  readonly maxHoldMs: number
}

/** Everything that this node is willing to hold. */
export interface Quota {
  readonly maxLogs: number
  /** All logs together. */
  readonly maxBytes: number
  readonly logs: Readonly<Record<PinKind, LogBounds>>
}

const DAY_MS = 86_400_000

/**
 * Clients move on to a new log after MAX_SEGMENT_ENTRIES; concurrent writers may overshoot. A drop takes what strangers
 * write: 1,000 of the largest entries, for a month.
 */
const CONVERSATION = { maxEntries: 12_000, maxBytes: 64 * 2 ** 20 }
const DROP = { maxEntries: 1_000, maxBytes: 16 * 2 ** 20, maxHoldMs: 30 * DAY_MS }

export function createQuota(init: {
  readonly maxLogs: number
  readonly maxBytes: number
  readonly holdDays: number
}): Quota {
  const maxHoldMs = init.holdDays * DAY_MS
  return {
    maxLogs: init.maxLogs,
    maxBytes: init.maxBytes,
    logs: {
      conversation: { ...CONVERSATION, maxHoldMs },
      drop: { ...DROP, maxHoldMs: Math.min(maxHoldMs, DROP.maxHoldMs) }
    }
  }
}

/** Why one more entry does not fit, if it does not: its log is full, or the node is. */
export type Shortage = 'over-quota' | 'storage-full'

/**
 * @param size - what the log would have with the entry.
 * @param totalBytes - what all logs would have with the entry.
 */
export function shortageOf(
  quota: Quota,
  kind: PinKind,
  size: LogSize,
  totalBytes: number
): Shortage | undefined {
  const bounds = quota.logs[kind]
  if (size.entries > bounds.maxEntries || size.bytes > bounds.maxBytes) return 'over-quota'
  if (totalBytes > quota.maxBytes) return 'storage-full'
  return undefined
}
