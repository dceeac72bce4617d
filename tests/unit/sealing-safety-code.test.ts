import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { base64url } from 'multiformats/bases/base64'
import { describe, expect, it } from 'vitest'
import { encodeCanonical, type CborValue } from '#protocol/cbor.ts'
import { MAX_SAFETY_CODE_CHARACTERS } from '#protocol/limits.ts'
import { compareSafetyCode, encodeSafetyCode, readSafetyCode } from '#sealing/safety-code.ts'
import vectors from '#tests/vectors/sealing-safety-number.json' with { type: 'json' }

const alice = 'a1'.repeat(32)
const bob = 'b0'.repeat(32)
const eve = 'e5'.repeat(32)
const code = encodeSafetyCode({ ownUserId: alice, contactUserId: bob })
const key = new Uint8Array(32)
const malformed = expect.objectContaining({ code: 'safety-code-malformed' }) as Error // what toThrow compares with

function codeOf(value: CborValue): string {
  const body = encodeCanonical(value)
  return `deaddrop-safety:${base64url.baseEncode(concatBytes(body, sha256(body).subarray(0, 4)))}`
}

describe('a safety code', () => {
  it('reads back, and stays what the vectors say', () => {
    expect(readSafetyCode(code)).toEqual({ ownUserId: alice, contactUserId: bob })
    for (const { users, code: expected } of vectors) {
      const [ownUserId = '', contactUserId = ''] = users
      expect(encodeSafetyCode({ ownUserId, contactUserId })).toBe(expected)
      expect(readSafetyCode(expected)).toEqual({ ownUserId, contactUserId })
    }
  })

  it('fits its bound, and may be broken into lines', () => {
    expect(code.length).toBeLessThanOrEqual(MAX_SAFETY_CODE_CHARACTERS)
    expect(readSafetyCode(` ${code.slice(0, 40)}\n  ${code.slice(40)}\r\n`).ownUserId).toBe(alice)
  })

  it('is refused when it is cut, mistyped, too long or something else', () => {
    for (let length = 0; length < code.length; length++)
      expect(() => readSafetyCode(code.slice(0, length))).toThrow(malformed)
    for (let at = 0; at < code.length; at++) {
      const other = code[at] === 'A' ? 'B' : 'A'
      expect(() => readSafetyCode(code.slice(0, at) + other + code.slice(at + 1))).toThrow(
        malformed
      )
    }
    expect(() => readSafetyCode(`${code}A`)).toThrow(malformed)
    expect(() => readSafetyCode(`${code}${'A'.repeat(100_000)}`)).toThrow(malformed)
    expect(() => readSafetyCode('https://example.org/#/invite/abc')).toThrow(malformed)
  })

  it('is refused when a whole one has another form, and named when it is of a later version', () => {
    expect(readSafetyCode(codeOf([1, key, key])).ownUserId).toBe('00'.repeat(32))
    for (const value of [[1, key], [1, key, key, key], [1, key, key.subarray(1)], { v: 1 }, 7])
      expect(() => readSafetyCode(codeOf(value))).toThrow(malformed)
    expect(() => readSafetyCode(codeOf([2, key]))).toThrow(
      expect.objectContaining({ code: 'safety-code-unsupported-version' }) as Error
    )
  })
})

describe('comparing a safety code', () => {
  const known = { ownUserId: bob, contactUserId: alice }

  it('matches only when each side has the key of the other', () => {
    expect(compareSafetyCode(known, readSafetyCode(code))).toBe('match')
    expect(compareSafetyCode(known, { ownUserId: alice, contactUserId: eve })).toBe('mismatch')
    expect(compareSafetyCode(known, { ownUserId: eve, contactUserId: bob })).toBe('mismatch')
    expect(compareSafetyCode(known, { ownUserId: eve, contactUserId: alice })).toBe('mismatch')
  })

  it('tells the own code apart: scanning it proves nothing', () => {
    expect(compareSafetyCode(known, known)).toBe('own-code')
  })
})
