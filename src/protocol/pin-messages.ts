import type { EntryHash, LogAddress } from './brand.ts'
import type { LogManifest } from './log-manifest.ts'

/** What a log is to a node: conversations are kept long; drops take first contact from strangers, under tighter bounds. */
export type PinKind = 'conversation' | 'drop'

/**
 * "Hold this log, and tell me what you have of it." Idempotent: asking again renews the time and fetches a fresh receipt.
 * Signed by an admitted writer of the log, so that only members can use up its quota; addressed to one node and bound to
 * a nonce that the node accepts once, so that it cannot be replayed there or anywhere else.
 */
export interface PinRequest {
  readonly manifest: LogManifest
  readonly kind: PinKind
  /** Peer id of the node that may answer. */
  readonly node: string
  /** 16 random bytes, lower-case hex. */
  readonly nonce: string
  /** How long the node is asked to hold, ms. It may promise less. */
  readonly holdForMs: number
  /** The node answers when it holds these, or after a few seconds without them. */
  readonly heads: readonly EntryHash[]
  /** Writer public key and gate certificate: see `gate.ts`. */
  readonly writer: string
  readonly certificate: string
}

/** A promise by a node, checkable by anybody: what it holds and until when. Signed by the node's peer identity. */
export interface PinReceipt {
  readonly node: string
  readonly log: LogAddress
  /** Heads that the node holds, with all their ancestors. */
  readonly heads: readonly EntryHash[]
  readonly entries: number
  readonly bytes: number
  readonly issuedAtMs: number
  readonly heldUntilMs: number
  /** Nonce of the request, lower-case hex. */
  readonly nonce: string
}

export interface SignedPinReceipt {
  readonly receipt: PinReceipt
  /** The exact bytes that were signed, and 64 bytes of Ed25519 under the key in the node's peer id. */
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
}

/** Why a node does not hold a log. On the wire as the string itself. */
export const PIN_REFUSALS = [
  'malformed',
  'bad-signature',
  'wrong-node',
  'replayed',
  'over-quota',
  'storage-full',
  'busy',
  'stopping'
] as const
export type PinRefusal = (typeof PIN_REFUSALS)[number]

export type PinAnswer =
  | { readonly kind: 'held'; readonly receipt: SignedPinReceipt }
  | { readonly kind: 'refuse'; readonly status: PinRefusal }
