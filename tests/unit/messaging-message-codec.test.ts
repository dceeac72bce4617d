import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '#protocol/cbor.ts'
import type { CborValue } from '#protocol/cbor.ts'
import { readDisplayName } from '#protocol/display-name.ts'
import {
  MAX_NAME_CHARACTERS,
  MAX_RECEIPT_IDS,
  MAX_SEALED_BYTES,
  MAX_TEXT_BYTES
} from '#protocol/limits.ts'
import type { Content } from '#messaging/message-codec.ts'
import { MAX_TIME_MS, decodeContent, encodeContent } from '#messaging/message-codec.ts'
import { idOf, plainOf } from '#tests/support/conversation-fixtures.ts'

const id = '000102030405060708090a0b0c0d0e0f'
const idBytes = hexToBytes(id)

const vectors: readonly (readonly [Content, string])[] = [
  [
    { kind: 'text', id, sentAtMs: 1_795_000_000_000, text: 'Hello, Bob 👋' },
    '83616d01a362696450000102030405060708090a0b0c0d0e0f6274731b000001a1ee565e0064626f64796f48656c6c6f2c20426f6220f09f918b'
  ],
  [
    { kind: 'receipt', delivered: [id], read: [], atMs: 1_795_000_000_001 },
    '83616301a36261741b000001a1ee565e016472656164806964656c6976657265648150000102030405060708090a0b0c0d0e0f'
  ],
  [{ kind: 'profile', name: 'Alice' }, '83617001a1646e616d6565416c696365']
]

const anyTime = fc.integer({ min: 0, max: MAX_TIME_MS })
const anyId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToHex)
const anyContent: fc.Arbitrary<Content> = fc.oneof(
  fc.record({
    kind: fc.constant('text' as const),
    id: anyId,
    sentAtMs: anyTime,
    text: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 })
  }),
  fc
    .record({
      kind: fc.constant('receipt' as const),
      delivered: fc.array(anyId, { maxLength: MAX_RECEIPT_IDS / 2 }),
      read: fc.array(anyId, { maxLength: MAX_RECEIPT_IDS / 2 }),
      atMs: anyTime
    })
    .filter(({ delivered, read }) => delivered.length + read.length > 0),
  fc.record({
    kind: fc.constant('profile' as const),
    name: fc
      .string({ minLength: 1, maxLength: 40 })
      .filter((name) => /[a-z]/u.test(name))
      .map(readDisplayName)
  })
)

function decode(value: CborValue): ReturnType<typeof decodeContent> {
  return decodeContent(plainOf(encodeCanonical(value)))
}

describe('message codec', () => {
  it.each(vectors)('writes exactly these bytes for %o', (content, hex) => {
    expect(bytesToHex(encodeContent(content))).toBe(hex)
    expect(decodeContent(plainOf(hexToBytes(hex)))).toEqual(content)
  })

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(anyContent, (content) => {
        expect(decodeContent(encodeContent(content))).toEqual(content)
      }),
      { numRuns: 1_000 }
    )
  })

  it('refuses every truncation', () => {
    for (const [content] of vectors) {
      const plain = encodeContent(content)
      for (let length = 0; length < plain.byteLength; length++) {
        expect(decodeContent(plainOf(plain.subarray(0, length))).kind).toBe('malformed')
      }
    }
  })

  it('never takes bytes with one flipped bit for the same content, and never throws on them', () => {
    for (const [content] of vectors) {
      const plain = encodeContent(content)
      for (let bit = 0; bit < plain.byteLength * 8; bit++) {
        const flipped = plain.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(decodeContent(plainOf(flipped))).not.toEqual(content)
      }
    }
  })

  it('never throws on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(['malformed', 'unknown']).toContain(decodeContent(plainOf(bytes)).kind)
      }),
      { numRuns: 2_000 }
    )
  })

  it('refuses more bytes than an envelope can hold before it parses them', () => {
    const decoded = decodeContent(plainOf(new Uint8Array(MAX_SEALED_BYTES + 1)))
    expect(decoded).toEqual({
      kind: 'malformed',
      reason: `message is ${MAX_SEALED_BYTES + 1} bytes, allowed 0..${MAX_SEALED_BYTES}`
    })
  })

  it('takes the longest text and refuses one byte more', () => {
    const longest = { kind: 'text', id, sentAtMs: 0, text: 'é'.repeat(MAX_TEXT_BYTES / 2) } as const
    expect(decodeContent(encodeContent(longest))).toEqual(longest)
    expect(() => encodeContent({ ...longest, text: `${longest.text}e` })).toThrow(
      'does not read back'
    )
    const tooLong = ['m', 1, { id: idBytes, ts: 0, body: `${longest.text}e` }]
    expect(decode(tooLong)).toMatchObject({ kind: 'malformed' })
  })

  it('bounds how many messages one receipt names', () => {
    const ids = Array.from({ length: MAX_RECEIPT_IDS }, (_, number) => idOf(number))
    const full: Content = {
      kind: 'receipt',
      delivered: ids.slice(0, 100),
      read: ids.slice(100),
      atMs: 1
    }
    expect(encodeContent(full).byteLength).toBeLessThan(MAX_SEALED_BYTES)
    expect(decodeContent(encodeContent(full))).toEqual(full)
    expect(() => encodeContent({ ...full, delivered: ids.slice(0, 101) })).toThrow('257 messages')
    expect(() => encodeContent({ kind: 'receipt', delivered: [], read: [], atMs: 1 })).toThrow(
      '0 messages'
    )
  })

  it.each<readonly [string, CborValue]>([
    ['an empty text', ['m', 1, { id: idBytes, ts: 0, body: '' }]],
    ['a short id', ['m', 1, { id: idBytes.subarray(1), ts: 0, body: 'x' }]],
    ['a time before 1970', ['m', 1, { id: idBytes, ts: -1, body: 'x' }]],
    ['a time that no calendar holds', ['m', 1, { id: idBytes, ts: MAX_TIME_MS + 1, body: 'x' }]],
    ['a missing field', ['m', 1, { id: idBytes, body: 'x' }]],
    [
      'a field that this version does not have',
      ['m', 1, { id: idBytes, ts: 0, body: 'x', reply: idBytes }]
    ],
    ['no fields at all', ['m', 1]],
    ['a fourth item', ['m', 1, { id: idBytes, ts: 0, body: 'x' }, 1]],
    ['a version that is no number', ['m', '1', { id: idBytes, ts: 0, body: 'x' }]],
    ['version 0', ['m', 0, {}]],
    ['a type that is no text', [1, 1, {}]],
    ['a map in place of the list', { m: 1 }],
    ['a name that imitates the other direction of writing', ['p', 1, { name: '\u202eecilA' }]],
    ['a name with a line break', ['p', 1, { name: 'Alice\nBob' }]],
    ['a blank name', ['p', 1, { name: ' ' }]],
    ['a long name', ['p', 1, { name: 'a'.repeat(MAX_NAME_CHARACTERS + 1) }]]
  ])('refuses %s', (_, value) => {
    expect(decode(value)).toMatchObject({ kind: 'malformed' })
  })

  it.each<readonly [string, CborValue]>([
    ['another type', ['k', 1, { package: idBytes }]],
    ['a later version of a known type', ['m', 2, { id: idBytes, ts: 0, body: 'x', reply: idBytes }]]
  ])('keeps %s whole for a later version', (_, value) => {
    const plain = plainOf(encodeCanonical(value))
    const decoded = decodeContent(plain)
    expect(decoded).toMatchObject({ kind: 'unknown', bytes: plain })
    if (decoded.kind === 'unknown') expect(encodeContent(decoded)).toEqual(plain)
  })

  it('never says in a reason what a member wrote', () => {
    const decoded = decode(['p', 1, { name: 'Marker\nMarker' }])
    expect(JSON.stringify(decoded)).not.toContain('Marker')
  })
})
