import type { EntryHash } from '#protocol/brand.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { MAX_PIN_HEADS, MAX_PIN_MESSAGE_BYTES, PIN_TIMEOUT_MS } from '#protocol/limits.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { logAddressOf } from '#protocol/log-manifest.ts'
import {
  createPinNonce,
  decodePinAnswer,
  encodePinRequest,
  verifyPinReceipt
} from '#protocol/pin-codec.ts'
import type { PinAnswer, PinKind, PinRefusal, SignedPinReceipt } from '#protocol/pin-messages.ts'
import { PIN_PROTOCOL } from '#protocol/protocol-ids.ts'
import type { Replica } from '#replica/replica.ts'

export interface PinOrder {
  /** Peer id of the node to ask. */
  readonly peerId: string
  readonly manifest: LogManifest
  readonly kind: PinKind
  readonly writer: LogWriter
  /** What the node should hold before it answers; the newest {@link MAX_PIN_HEADS} are named. */
  readonly heads: readonly EntryHash[]
  readonly holdForMs: number
}

export type PinOutcome =
  /** Verified: the node signed for this log and this request. Which heads it holds, and how long, is in the receipt. */
  | { readonly kind: 'held'; readonly receipt: SignedPinReceipt }
  | { readonly kind: 'refused'; readonly status: PinRefusal }
  /** `node-misbehaved`: the answer is not one, or its signature, node, log or nonce are not what was asked for. */
  | { readonly kind: 'failed'; readonly code: 'node-unreachable' | 'node-misbehaved' }

export interface PinClient {
  /** Asks one node to hold one log. Whatever a node does is an outcome, not an error; gives up when `signal` aborts, or after {@link PIN_TIMEOUT_MS}. */
  pin(order: PinOrder, options: { readonly signal: AbortSignal }): Promise<PinOutcome>
}

/**
 * Asks nodes to hold logs, and believes only what they sign.
 *
 * Times in a receipt are the node's and are not judged: a clock that is a day off must not make a message that is held
 * look lost. Callers keep the receipt and compare its times themselves.
 *
 * @param components.randomBytes - cryptographically random.
 */
export function createPinClient(components: {
  readonly replica: Pick<Replica, 'request'>
  readonly verifier: SignatureVerifier
  readonly randomBytes: (length: number) => Uint8Array
}): PinClient {
  const { replica, verifier, randomBytes } = components
  return {
    async pin({ peerId, manifest, kind, writer, heads, holdForMs }, { signal }) {
      const nonce = createPinNonce(randomBytes)
      const message = await encodePinRequest(
        {
          manifest,
          kind,
          node: peerId,
          nonce,
          holdForMs,
          heads: heads.slice(0, MAX_PIN_HEADS),
          writer: writer.publicKey,
          certificate: writer.certificate
        },
        writer
      )
      let bytes: Uint8Array
      try {
        bytes = await replica.request(peerId, PIN_PROTOCOL, message, {
          maxAnswerBytes: MAX_PIN_MESSAGE_BYTES,
          signal: AbortSignal.any([signal, AbortSignal.timeout(PIN_TIMEOUT_MS)])
        })
      } catch (error) {
        const isMisbehaved = isDeadDropError(error) && error.code === 'node-misbehaved'
        return { kind: 'failed', code: isMisbehaved ? 'node-misbehaved' : 'node-unreachable' }
      }
      const answer = readAnswer(bytes)
      if (answer === undefined) return { kind: 'failed', code: 'node-misbehaved' }
      if (answer.kind === 'refuse') return { kind: 'refused', status: answer.status }
      const expected = { node: peerId, nonce, log: logAddressOf(manifest) }
      const isGenuine = await verifyPinReceipt(verifier, answer.receipt, expected)
      return isGenuine
        ? { kind: 'held', receipt: answer.receipt }
        : { kind: 'failed', code: 'node-misbehaved' }
    }
  }
}

function readAnswer(bytes: Uint8Array): PinAnswer | undefined {
  try {
    return decodePinAnswer(bytes)
  } catch {
    return undefined
  }
}
