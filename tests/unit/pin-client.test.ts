import { describe, expect, it } from 'vitest'
import { createPinClient } from '#pinning/pin-client.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_PIN_HEADS } from '#protocol/limits.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import {
  decodePinRequest,
  encodePinAnswer,
  signPinReceipt,
  verifyPinRequest
} from '#protocol/pin-codec.ts'
import type { PinReceipt, PinRequest } from '#protocol/pin-messages.ts'
import { gatedLog, peerWithKey } from '#tests/support/pin-fixtures.ts'

const verifier = createSignatureVerifier()
const log = gatedLog(1)
const pim = peerWithKey(1)
const eve = peerWithKey(2)
const signal = new AbortController().signal

/** What the client makes of a node that answers like this. */
async function outcomeOf(
  answer: (request: PinRequest) => Promise<Uint8Array>,
  heads = [hashOfBlock(Uint8Array.of(1))]
) {
  const client = createPinClient({
    replica: {
      async request(_peerId, _protocol, message) {
        const signed = decodePinRequest(message)
        expect(await verifyPinRequest(verifier, signed)).toBe(true)
        return answer(signed.request)
      }
    },
    verifier,
    randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length))
  })
  return client.pin(
    {
      peerId: pim.peerId,
      manifest: log.manifest,
      kind: 'drop',
      writer: log.admit(1),
      heads,
      holdForMs: 1
    },
    { signal }
  )
}

async function receiptFor(request: PinRequest, change: Partial<PinReceipt> = {}, signer = pim) {
  const receipt: PinReceipt = {
    node: pim.peerId,
    log: log.address,
    heads: request.heads,
    entries: 1,
    bytes: 800,
    issuedAtMs: 1,
    heldUntilMs: 2,
    nonce: request.nonce,
    ...change
  }
  const signed = await signPinReceipt(receipt, (message) => signer.sign(message))
  return encodePinAnswer({ kind: 'held', receipt: signed })
}

describe('pin client', () => {
  it('hands out a receipt that the node signed for this request, whatever its clock says', async () => {
    const outcome = await outcomeOf((request) => receiptFor(request))
    expect(outcome).toMatchObject({
      kind: 'held',
      receipt: { receipt: { issuedAtMs: 1, heldUntilMs: 2 } }
    })
  })

  it('never uses a nonce twice', async () => {
    const nonces = new Set<string>()
    for (let i = 0; i < 20; i++) {
      await outcomeOf((request) => {
        nonces.add(request.nonce)
        return receiptFor(request)
      })
    }
    expect(nonces.size).toBe(20)
  })

  it('names the newest heads when there are more than a request holds', async () => {
    const heads = Array.from({ length: MAX_PIN_HEADS + 1 }, (_, n) => hashOfBlock(Uint8Array.of(n)))
    const outcome = await outcomeOf((request) => {
      expect(request.heads).toEqual(heads.slice(0, MAX_PIN_HEADS))
      return receiptFor(request)
    }, heads)
    expect(outcome.kind).toBe('held')
  })

  it('hands on a refusal', async () => {
    const outcome = await outcomeOf(async () =>
      encodePinAnswer({ kind: 'refuse', status: 'over-quota' })
    )
    expect(outcome).toEqual({ kind: 'refused', status: 'over-quota' })
  })

  it.each<[string, (request: PinRequest) => Promise<Uint8Array>]>([
    ['is no answer', async () => Uint8Array.of(1, 2, 3)],
    ['another node signed', (request) => receiptFor(request, {}, eve)],
    ['names another node', (request) => receiptFor(request, { node: eve.peerId }, eve)],
    ['is about another log', (request) => receiptFor(request, { log: gatedLog(2).address })],
    ['answers another request', (request) => receiptFor(request, { nonce: '00'.repeat(16) })]
  ])('reports a node whose answer %s', async (_, answer) => {
    expect(await outcomeOf(answer)).toEqual({ kind: 'failed', code: 'node-misbehaved' })
  })

  it.each([
    ['node-unreachable', new DeadDropError('node-unreachable', 'no route')],
    ['node-misbehaved', new DeadDropError('node-misbehaved', 'answer is too large')],
    ['node-unreachable', new Error('socket hang up')]
  ])('reports %s', async (code, error) => {
    expect(await outcomeOf(() => Promise.reject(error))).toEqual({ kind: 'failed', code })
  })
})
