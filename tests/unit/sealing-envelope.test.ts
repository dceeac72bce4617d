import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { envelopeLength, isEnvelopeLength, openEnvelope, sealEnvelope } from '#sealing/envelope.ts'
import { pad, paddedLength, padmeLength, unpad } from '#sealing/padding.ts'
import { flipBit, sealingComponents } from '#tests/support/sealing-world.ts'
import envelopeVectors from '#tests/vectors/sealing-envelope.json' with { type: 'json' }
import paddingVectors from '#tests/vectors/sealing-padding.json' with { type: 'json' }

const components = sealingComponents()
const key = new Uint8Array(32).fill(1)

describe('padding', { timeout: 60_000 }, () => {
  it.each(paddingVectors.padme)('$length bytes are padded to $padded', ({ length, padded }) => {
    expect(padmeLength(length)).toBe(padded)
  })

  it.each(paddingVectors.pad)(
    'keeps its bytes ($length)',
    ({ content, length, firstSixteen, sha256: digest }) => {
      const padded = pad(hexToBytes(content))
      expect(padded.byteLength).toBe(length)
      expect(bytesToHex(padded.subarray(0, 16))).toBe(firstSixteen)
      expect(bytesToHex(sha256(padded))).toBe(digest)
    }
  )

  it('is undone exactly, and nothing else is accepted', () => {
    const content = new Uint8Array(290).fill(9)
    const padded = pad(content)
    expect(unpad(padded)).toEqual(content)
    expect(unpad(padded.subarray(0, -1))).toBeUndefined()
    expect(unpad(flipBit(padded, (padded.byteLength - 1) * 8))).toBeUndefined()
    expect(unpad(new Uint8Array(0))).toBeUndefined()
    const overlong = pad(new Uint8Array(3))
    new DataView(overlong.buffer).setUint32(0, 2 ** 32 - 1)
    expect(unpad(overlong)).toBeUndefined()
  })

  it('costs at most 12 % above the floor', () => {
    const lengths = Array.from({ length: 20_000 }, (_, index) => index + 256)
    expect(lengths.filter((length) => padmeLength(length) > length * 1.12)).toEqual([])
  })
})

describe('envelope', { timeout: 60_000 }, () => {
  it.each(envelopeVectors)(
    'keeps its bytes ($name)',
    ({ key: keyHex, nonce, content, envelope }) => {
      const sealed = sealEnvelope(
        { random: () => hexToBytes(nonce) },
        hexToBytes(keyHex),
        hexToBytes(content)
      )
      expect(bytesToHex(sealed)).toBe(envelope)
      expect(openEnvelope(hexToBytes(keyHex), hexToBytes(envelope))).toEqual(hexToBytes(content))
    }
  )

  it('does not open under another key, truncated, extended, or with any byte changed', () => {
    const sealed = sealEnvelope(components, key, new Uint8Array([1, 2, 3]))
    expect(openEnvelope(new Uint8Array(32).fill(2), sealed)).toBeUndefined()
    for (let index = 0; index < sealed.byteLength; index++) {
      expect(openEnvelope(key, flipBit(sealed, index * 8 + (index % 8)))).toBeUndefined()
      expect(openEnvelope(key, sealed.subarray(0, index))).toBeUndefined()
    }
    expect(openEnvelope(key, new Uint8Array([...sealed, 0]))).toBeUndefined()
    expect(openEnvelope(key, new Uint8Array(MAX_SEALED_BYTES * 4))).toBeUndefined()
  })

  it('is never larger than an entry may carry', () => {
    const most = largestContent()
    expect(sealEnvelope(components, key, new Uint8Array(most)).byteLength).toBeLessThanOrEqual(
      MAX_SEALED_BYTES
    )
    expect(() => sealEnvelope(components, key, new Uint8Array(most + 1))).toThrow(
      expect.objectContaining({ code: 'bytes-too-large' })
    )
  })

  it('has one of few lengths', () => {
    const contents = Array.from({ length: largestContent() + 1 }, (_, length) => length)
    const lengths = new Set(contents.map(envelopeLength))
    expect(lengths.size).toBe(84)
    const possible = Array.from({ length: MAX_SEALED_BYTES + 1 }, (_, size) => size).filter(
      isEnvelopeLength
    )
    expect(possible).toEqual([...lengths])
  })
})

function largestContent(): number {
  let length = 0
  while (envelopeLength(length + 1) <= MAX_SEALED_BYTES) length++
  expect(paddedLength(length)).toBeGreaterThan(9_000)
  return length
}
