import type { SealedEntry } from '#replica/sealed-log.ts'
import type { Fact } from './conversation-reducer.ts'
import type { ProfileContent, UnknownContent } from './message-codec.ts'
import { decodeContent } from './message-codec.ts'
import type { Author, OpenResult } from './ports.ts'
import type { DueReceipt } from './receipt-batch.ts'
import { owesReceipt } from './receipt-batch.ts'

/** What one entry of the log means here. */
export type Received =
  | {
      readonly kind: 'accepted'
      readonly author: Author
      /** To fold into the conversation. */
      readonly facts: readonly Fact[]
      /** Acknowledgements that this device owes now. */
      readonly due: readonly DueReceipt[]
      readonly profile: ProfileContent | null
      /** To keep for a later version, not to show. */
      readonly unknown: UnknownContent | null
    }
  /** To park: the key may still come. */
  | { readonly kind: 'waiting'; readonly reason: string }
  /** To drop and count: it will never open, or says nothing that can be read. */
  | { readonly kind: 'rejected'; readonly reason: string }

/**
 * Reads what {@link OpenResult} gave for `entry`. Pure; never throws on what a member sealed.
 *
 * @param init.nowMs - this device's clock, for acknowledgements.
 */
export function receiveEntry(
  entry: Pick<SealedEntry, 'time' | 'hash'>,
  result: OpenResult,
  init: { readonly ownUserId: string; readonly nowMs: number }
): Received {
  if (result.kind !== 'opened') return result
  const { author } = result
  const content = decodeContent(result.plain)
  const nothing = {
    kind: 'accepted',
    author,
    facts: [],
    due: [],
    profile: null,
    unknown: null
  } as const
  switch (content.kind) {
    case 'malformed':
      return { kind: 'rejected', reason: content.reason }
    case 'unknown':
      return { ...nothing, unknown: content }
    case 'profile':
      return { ...nothing, profile: content }
    case 'receipt': {
      const { delivered, read, atMs } = content
      const facts: Fact[] = []
      if (delivered.length > 0) {
        facts.push({
          kind: 'delivery-receipt',
          by: author,
          ids: delivered,
          state: 'delivered',
          atMs
        })
      }
      if (read.length > 0) {
        facts.push({ kind: 'delivery-receipt', by: author, ids: read, state: 'read', atMs })
      }
      return { ...nothing, facts }
    }
    case 'text': {
      const { id, text, sentAtMs } = content
      const order = { time: entry.time, hash: entry.hash }
      return {
        ...nothing,
        facts: [{ kind: 'message-opened', id, author, text, sentAtMs, order }],
        due: owesReceipt(content, author, init.ownUserId)
          ? [{ id, state: 'delivered', sinceMs: init.nowMs }]
          : []
      }
    }
  }
}
