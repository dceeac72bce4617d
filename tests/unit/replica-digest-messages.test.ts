import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogAddress } from '#protocol/brand.ts'
import { MAX_DIGEST_LOGS } from '#protocol/limits.ts'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import {
  decodeComparisons,
  decodeDigest,
  encodeComparisons,
  encodeDigest,
  MAX_DIGEST_BYTES
} from '#replica/sync/digest-messages.ts'
import type { Comparison, Digest } from '#replica/sync/digest-messages.ts'
import { createFingerprints, tagOf } from '#replica/sync/log-fingerprints.ts'

const salt = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const anyDigest: fc.Arbitrary<Digest> = fc.record({
  salt: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  items: fc.array(fc.record({ tag: u64, fingerprint: u64 }), { minLength: 1, maxLength: 40 })
})
const anyComparisons = fc.array(fc.constantFrom<Comparison>('unknown', 'same', 'different'), {
  minLength: 1,
  maxLength: 40
})

describe('a digest', () => {
  it('survives the wire', () => {
    fc.assert(
      fc.property(anyDigest, (digest) => {
        expect(decodeDigest(encodeDigest(digest))).toEqual(digest)
      })
    )
  })

  it('is a salt, then a tag and a fingerprint for each log', () => {
    const items = [
      { tag: 0x0102030405060708n, fingerprint: 0x1112131415161718n },
      { tag: 2n ** 64n - 1n, fingerprint: 0n }
    ]
    expect(bytesToHex(encodeDigest({ salt, items }))).toBe(
      '0102030405060708' +
        '0102030405060708' +
        '1112131415161718' +
        'ffffffffffffffff' +
        '0000000000000000'
    )
  })

  it.each([0, 1, 8, 9, 23, 25, 39])('of %i bytes is refused', (length) => {
    expect(() => decodeDigest(new Uint8Array(length))).toThrow('digest is not a salt')
  })

  it('is refused when it is too large, before anything is read', () => {
    expect(decodeDigest(new Uint8Array(MAX_DIGEST_BYTES)).items).toHaveLength(MAX_DIGEST_LOGS)
    expect(() => decodeDigest(new Uint8Array(MAX_DIGEST_BYTES + 16))).toThrow('allowed 0..16392')
  })
})

describe('the answer to a digest', () => {
  it('survives the wire', () => {
    fc.assert(
      fc.property(anyComparisons, (comparisons) => {
        const bytes = encodeComparisons(comparisons)
        expect(bytes.byteLength).toBe(Math.ceil(comparisons.length / 4))
        expect(decodeComparisons(bytes, comparisons.length)).toEqual(comparisons)
      })
    )
  })

  it('is two bits for each log, the first in the lowest', () => {
    const comparisons = ['same', 'different', 'unknown', 'different', 'same'] as const
    expect(bytesToHex(encodeComparisons(comparisons))).toBe('8901')
  })

  it('is refused when it has another length', () => {
    expect(() => decodeComparisons(new Uint8Array(2), 4)).toThrow('expected 1')
    expect(() => decodeComparisons(new Uint8Array(0), 1)).toThrow('expected 1')
  })

  it('is refused when it has bits that mean nothing', () => {
    expect(() => decodeComparisons(Uint8Array.of(0b11), 1)).toThrow('mean nothing')
    expect(() => decodeComparisons(Uint8Array.of(0b0100), 1)).toThrow('mean nothing')
  })
})

describe('fingerprints', () => {
  const fingerprints = createFingerprints({})
  const [one, two, three] = [1, 2, 3].map((n) => hashOfBlock(Uint8Array.of(n))) as [
    ReturnType<typeof hashOfBlock>,
    ReturnType<typeof hashOfBlock>,
    ReturnType<typeof hashOfBlock>
  ]
  const address: LogAddress = readLogAddress(`/orbitdb/${one}`)
  const other: LogAddress = readLogAddress(`/orbitdb/${two}`)

  it('are the same for the same heads in any order, and for nothing else', () => {
    const state = fingerprints.stateOf(address, [two, three])
    expect(fingerprints.stateOf(address, [three, two])).toEqual(state)
    expect(fingerprints.stateOf(address, [two])).not.toEqual(state)
    expect(fingerprints.stateOf(other, [two, three])).not.toEqual(state)
    expect(fingerprints.stateOf(address, [])).not.toEqual(fingerprints.stateOf(other, []))
  })

  it('differ from digest to digest, so that a collision found once is worth nothing', () => {
    const state = fingerprints.stateOf(address, [two])
    expect(fingerprints.fingerprintOf(state, salt)).toBe(fingerprints.fingerprintOf(state, salt))
    expect(fingerprints.fingerprintOf(state, salt)).not.toBe(
      fingerprints.fingerprintOf(state, new Uint8Array(8))
    )
  })

  it('stand beside a tag, which is the first eight bytes of the hash in the address', () => {
    expect(tagOf(address).toString(16)).toBe('4bf5122f344554c5')
  })
})
