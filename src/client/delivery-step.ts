import { statusOf, type MessageRecord } from '#messaging/conversation-reducer.ts'
import type { DeliveryStatus } from '#messaging/delivery.ts'

/** One own message took a step. `by`: `self`, a node's peer id, or the contact's user id. */
export interface DeliveryStep {
  readonly status: DeliveryStatus
  readonly by: string
}

/** What changed for the author between two states of an own message; `undefined` when nothing did, or when it is new. */
export function deliveryStep(
  before: MessageRecord | null,
  after: MessageRecord
): DeliveryStep | undefined {
  const status = statusOf(after)
  if (before === null || statusOf(before) === status) return undefined
  switch (status) {
    case 'sending':
    case 'on-device':
      return { status, by: 'self' }
    case 'held':
      return { status, by: after.holds.at(-1)?.peerId ?? 'self' }
    case 'delivered':
    case 'read':
      return { status, by: after.acknowledgements.at(-1)?.by.userId ?? 'self' }
  }
}
