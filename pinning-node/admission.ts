import type { PinRefusal, PinRequest } from '#protocol/pin-messages.ts'
import type { Quota } from './quota.ts'
import type { PinnedLog } from './registry.ts'

/** What the node knows when a well-formed request for it arrives whose signature was checked. */
export interface AdmissionState {
  readonly nowMs: number
  /** The record of this log, if it is held. */
  readonly held: PinnedLog | undefined
  readonly heldLogs: number
  /** Bytes of all logs. */
  readonly heldBytes: number
  readonly freeDiskBytes: number
}

export type Admission =
  | { readonly kind: 'admit'; readonly record: PinnedLog }
  | { readonly kind: 'refuse'; readonly status: PinRefusal }

/** Below this the node takes no new log: room for what it has promised already, and for the operating system. */
export const MIN_FREE_DISK_BYTES = 512 * 2 ** 20

/**
 * Decides whether to hold a log, and until when. Pure.
 *
 * A promise is never shortened, and a log keeps the kind under which it came first: who may write to a drop cannot turn
 * it into a conversation with wider bounds. A log that is held stays welcome when the node is full.
 */
export function admitPin(
  request: PinRequest,
  address: PinnedLog['address'],
  state: AdmissionState,
  quota: Quota
): Admission {
  const { held, nowMs } = state
  if (held === undefined) {
    if (state.heldLogs >= quota.maxLogs) return { kind: 'refuse', status: 'over-quota' }
    if (state.heldBytes >= quota.maxBytes || state.freeDiskBytes < MIN_FREE_DISK_BYTES) {
      return { kind: 'refuse', status: 'storage-full' }
    }
  }
  const kind = held?.kind ?? request.kind
  const promisedMs = nowMs + Math.min(request.holdForMs, quota.logs[kind].maxHoldMs)
  return {
    kind: 'admit',
    record: {
      address,
      manifest: request.manifest,
      kind,
      createdAtMs: held?.createdAtMs ?? nowMs,
      lastRequestAtMs: nowMs,
      heldUntilMs: Math.max(held?.heldUntilMs ?? 0, promisedMs)
    }
  }
}
