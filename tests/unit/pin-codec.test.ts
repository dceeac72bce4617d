import { bytesToHex } from '@noble/hashes/utils.js'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '#protocol/cbor.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import { MAX_PIN_HEADS, MAX_PIN_MESSAGE_BYTES } from '#protocol/limits.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { publicKeyOfPeerId } from '#protocol/peer-id.ts'
import {
  decodePinAnswer,
  decodePinReceipt,
  decodePinRequest,
  encodePinAnswer,
  encodePinRequest,
  signPinReceipt,
  verifyPinReceipt,
  verifyPinRequest
} from '#protocol/pin-codec.ts'
import type { PinReceipt, PinRequest } from '#protocol/pin-messages.ts'
import { PIN_REFUSALS } from '#protocol/pin-messages.ts'
import { gatedLog, peerWithKey, seedBytes } from '#tests/support/pin-fixtures.ts'

const verifier = createSignatureVerifier()
const log = gatedLog(1)
const alice = log.admit(1)
const pim = peerWithKey(1)
const head = hashOfBlock(Uint8Array.of(1))

const request: PinRequest = {
  manifest: log.manifest,
  kind: 'conversation',
  node: pim.peerId,
  nonce: '000102030405060708090a0b0c0d0e0f',
  holdForMs: 86_400_000,
  heads: [head],
  writer: alice.publicKey,
  certificate: alice.certificate
}

const receipt: PinReceipt = {
  node: pim.peerId,
  log: log.address,
  heads: [head],
  entries: 3,
  bytes: 2_100,
  issuedAtMs: 1_795_000_000_000,
  heldUntilMs: 1_795_086_400_000,
  nonce: request.nonce
}
const asked = { node: pim.peerId, nonce: request.nonce, log: log.address }

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return isDeadDropError(error) ? error.code : `foreign error: ${String(error)}`
  }
  return 'no error'
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice()
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return flipped
}

describe('peer id', () => {
  it('carries the Ed25519 key that libp2p puts there', async () => {
    const key = await generateKeyPairFromSeed('Ed25519', seedBytes(7))
    const peerId = peerIdFromPrivateKey(key).toString()
    expect(publicKeyOfPeerId(peerId)).toEqual(key.publicKey.raw)
  })

  it.each([
    '',
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '12D3KooW',
    `${pim.peerId}1`,
    pim.peerId.toLowerCase()
  ])('gives no key for %j', (text) => {
    expect(publicKeyOfPeerId(text)).toBeUndefined()
  })
})

describe('pin request', () => {
  it('comes back as it was sent, and verifies', async () => {
    const signed = decodePinRequest(await encodePinRequest(request, alice))
    expect(signed.request).toEqual(request)
    expect(await verifyPinRequest(verifier, signed)).toBe(true)
  })

  it('has these bytes', async () => {
    expect(bytesToHex(await encodePinRequest(request, alice))).toMatchSnapshot()
  })

  it('is refused as malformed or by its signature when any bit is flipped', async () => {
    const bytes = await encodePinRequest(request, alice)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.byteLength * 8 - 1), async (bit) => {
        const flipped = flipBit(bytes, bit)
        const code = codeOf(() => decodePinRequest(flipped))
        if (code === 'no error') {
          expect(await verifyPinRequest(verifier, decodePinRequest(flipped))).toBe(false)
        } else {
          expect(code).toBe('bytes-malformed')
        }
      }),
      { numRuns: 500 }
    )
  })

  it('is malformed when truncated anywhere', async () => {
    const bytes = await encodePinRequest(request, alice)
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(codeOf(() => decodePinRequest(bytes.subarray(0, length)))).toBe('bytes-malformed')
    }
  })

  it('never throws a foreign error on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
        expect(codeOf(() => decodePinRequest(bytes))).toBe('bytes-malformed')
        expect(codeOf(() => decodePinAnswer(bytes))).toBe('bytes-malformed')
      }),
      { numRuns: 1_000 }
    )
  })

  it('never throws a foreign error on well-formed cbor of another shape', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('v', 'body', 'sig', 'kind', 'status'),
          fc.oneof(fc.integer(), fc.uint8Array(), fc.string(), fc.boolean())
        ),
        (map) => {
          const bytes = encodeCanonical({ ...map, v: 1 })
          expect(codeOf(() => decodePinRequest(bytes))).toBe('bytes-malformed')
          expect(['bytes-malformed', 'no error']).toContain(codeOf(() => decodePinAnswer(bytes)))
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it('is too large over the limit, before anything is parsed', () => {
    expect(codeOf(() => decodePinRequest(new Uint8Array(MAX_PIN_MESSAGE_BYTES + 1)))).toBe(
      'bytes-too-large'
    )
  })

  it('fits the limit with the most heads, and names no more', async () => {
    const heads = Array.from({ length: MAX_PIN_HEADS }, (_, i) => hashOfBlock(Uint8Array.of(i)))
    const bytes = await encodePinRequest({ ...request, heads }, alice)
    expect(bytes.byteLength).toBeLessThan(MAX_PIN_MESSAGE_BYTES)
    expect(decodePinRequest(bytes).request.heads).toEqual(heads)
    await expect(encodePinRequest({ ...request, heads: [...heads, head] }, alice)).rejects.toThrow(
      '65 heads'
    )
  })

  it('of an unknown version is malformed', async () => {
    const bytes = await encodePinRequest(request, alice)
    const map = decodeCanonical(bytes, MAX_PIN_MESSAGE_BYTES) as Record<string, Uint8Array>
    expect(codeOf(() => decodePinRequest(encodeCanonical({ ...map, v: 2 })))).toBe(
      'bytes-malformed'
    )
  })

  it('does not verify with the certificate of another log', async () => {
    const stranger = gatedLog(2).admit(1)
    const bytes = await encodePinRequest(
      { ...request, certificate: stranger.certificate },
      stranger
    )
    expect(await verifyPinRequest(verifier, decodePinRequest(bytes))).toBe(false)
  })

  it('does not verify with the certificate of another writer', async () => {
    const bob = log.admit(2)
    const bytes = await encodePinRequest({ ...request, writer: bob.publicKey }, bob)
    expect(await verifyPinRequest(verifier, decodePinRequest(bytes))).toBe(false)
  })

  it('does not verify when another writer signed it', async () => {
    const bytes = await encodePinRequest(request, log.admit(2))
    expect(await verifyPinRequest(verifier, decodePinRequest(bytes))).toBe(false)
  })
})

describe('pin receipt', () => {
  it('comes back inside an answer as it was signed, and verifies', async () => {
    const signed = await signPinReceipt(receipt, (message) => pim.sign(message))
    const answer = decodePinAnswer(encodePinAnswer({ kind: 'held', receipt: signed }))
    expect(answer).toEqual({ kind: 'held', receipt: signed })
    expect(await verifyPinReceipt(verifier, signed, asked)).toBe(true)
    expect(decodePinReceipt(signed.bytes)).toEqual(receipt)
  })

  it('has these bytes', async () => {
    const signed = await signPinReceipt(receipt, (message) => pim.sign(message))
    expect(bytesToHex(encodePinAnswer({ kind: 'held', receipt: signed }))).toMatchSnapshot()
  })

  it.each([
    ['node', { ...asked, node: peerWithKey(2).peerId }],
    ['log', { ...asked, log: gatedLog(2).address }],
    ['nonce', { ...asked, nonce: '00'.repeat(16) }]
  ])('does not verify for another %s', async (_, expected) => {
    const signed = await signPinReceipt(receipt, (message) => pim.sign(message))
    expect(await verifyPinReceipt(verifier, signed, expected)).toBe(false)
  })

  it('does not verify when another node signed it', async () => {
    const eve = peerWithKey(2)
    const signed = await signPinReceipt(receipt, (message) => eve.sign(message))
    expect(await verifyPinReceipt(verifier, signed, asked)).toBe(false)
  })

  it('does not verify when the object says more than the signed bytes', async () => {
    const signed = await signPinReceipt(receipt, (message) => pim.sign(message))
    const inflated = { ...signed, receipt: { ...receipt, entries: 4 } }
    expect(await verifyPinReceipt(verifier, inflated, asked)).toBe(false)
  })

  it('is refused when any bit of the answer is flipped', async () => {
    const signed = await signPinReceipt(receipt, (message) => pim.sign(message))
    const bytes = encodePinAnswer({ kind: 'held', receipt: signed })
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.byteLength * 8 - 1), async (bit) => {
        const flipped = flipBit(bytes, bit)
        const code = codeOf(() => decodePinAnswer(flipped))
        if (code !== 'no error') {
          expect(code).toBe('bytes-malformed')
          return
        }
        const answer = decodePinAnswer(flipped)
        expect(answer.kind).toBe('held')
        if (answer.kind === 'held') {
          expect(await verifyPinReceipt(verifier, answer.receipt, asked)).toBe(false)
        }
      }),
      { numRuns: 500 }
    )
  })

  it('is malformed when truncated anywhere', async () => {
    const signed = await signPinReceipt(receipt, (message) => pim.sign(message))
    const bytes = encodePinAnswer({ kind: 'held', receipt: signed })
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(codeOf(() => decodePinAnswer(bytes.subarray(0, length)))).toBe('bytes-malformed')
    }
  })
})

describe('pin refusal', () => {
  it.each(PIN_REFUSALS)('%s comes back', (status) => {
    expect(decodePinAnswer(encodePinAnswer({ kind: 'refuse', status }))).toEqual({
      kind: 'refuse',
      status
    })
  })

  it.each([
    ['an unknown status', { v: 1, kind: 'refuse', status: 'because' }],
    ['a status beside a receipt', { v: 1, kind: 'held', status: 'busy' }],
    ['no kind', { v: 1 }],
    ['a later version', { v: 2, kind: 'refuse', status: 'busy' }]
  ])('with %s is malformed', (_, value) => {
    expect(codeOf(() => decodePinAnswer(encodeCanonical(value)))).toBe('bytes-malformed')
  })
})
