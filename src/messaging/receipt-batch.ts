import { MAX_RECEIPT_IDS } from '#protocol/limits.ts'
import type { DecodedContent, ReceiptContent } from './message-codec.ts'
import type { Author } from './ports.ts'

/** One acknowledgement that this device owes. Kept on disk until the receipt that says it is sealed. */
export interface DueReceipt {
  /** Id of somebody else's message. */
  readonly id: string
  readonly state: 'delivered' | 'read'
  /** Unix ms. */
  readonly sinceMs: number
}

export interface ReceiptPolicy {
  /** Off: what was read is acknowledged as delivered at most. */
  readonly sendReadReceipts: boolean
}

export interface ReceiptPlan {
  /** What to seal now, or `null` when it is too early or there is nothing to say. */
  readonly receipt: ReceiptContent | null
  /** What is settled once `receipt` is sealed: removed in the same transaction. May be filled without a receipt. */
  readonly settled: readonly DueReceipt[]
  /** When to plan again, Unix ms; `null` when nothing is left. */
  readonly nextAtMs: number | null
}

/** How long a receipt waits for others to share an entry with. Short enough that "Delivered" feels immediate. */
export const RECEIPT_DELAY_MS = 250

/**
 * Whether something owes an acknowledgement: only texts of other users. A receipt for a receipt would never end, and
 * what this version cannot read was not delivered to anybody.
 */
export function owesReceipt(content: DecodedContent, author: Author, ownUserId: string): boolean {
  return content.kind === 'text' && author.userId !== ownUserId
}

/**
 * Decides which acknowledgements go out together. Pure.
 *
 * @param due - any order, repetitions allowed.
 */
export function planReceipts(
  due: readonly DueReceipt[],
  policy: ReceiptPolicy,
  nowMs: number
): ReceiptPlan {
  if (due.length === 0) return { receipt: null, settled: [], nextAtMs: null }
  const oldestFirst = [...due].sort(compareDue)
  const isFull = new Set(due.map((item) => item.id)).size >= MAX_RECEIPT_IDS
  const dueAtMs = (oldestFirst[0]?.sinceMs ?? nowMs) + RECEIPT_DELAY_MS
  // A clock that went back must not hold receipts for as long as it went.
  const isEarly = !isFull && nowMs < dueAtMs && dueAtMs - nowMs <= RECEIPT_DELAY_MS
  if (isEarly) return { receipt: null, settled: [], nextAtMs: dueAtMs }

  const states = new Map<string, 'delivered' | 'read'>()
  const silent = new Set<string>()
  for (const { id, state } of oldestFirst) {
    if (state === 'read' && !policy.sendReadReceipts) {
      silent.add(id)
    } else if (states.has(id) || states.size < MAX_RECEIPT_IDS) {
      // Read says delivered too, so one place per message is enough.
      if (state === 'read' || !states.has(id)) states.set(id, state)
    }
  }
  const settled = oldestFirst.filter(
    ({ id, state }) => states.has(id) || (state === 'read' && silent.has(id))
  )
  const isLeft = settled.length < oldestFirst.length
  return {
    receipt: states.size === 0 ? null : receiptOf(states, nowMs),
    settled,
    nextAtMs: isLeft ? nowMs : null
  }
}

function receiptOf(
  states: ReadonlyMap<string, 'delivered' | 'read'>,
  atMs: number
): ReceiptContent {
  const idsIn = (wanted: 'delivered' | 'read'): string[] =>
    [...states].filter(([, state]) => state === wanted).map(([id]) => id)
  return { kind: 'receipt', delivered: idsIn('delivered'), read: idsIn('read'), atMs }
}

function compareDue(a: DueReceipt, b: DueReceipt): number {
  return a.sinceMs - b.sinceMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
