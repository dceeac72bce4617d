import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '#protocol/cbor.ts'
import { MAX_LIVE_FRAME_BYTES } from '#protocol/limits.ts'
import type { Presence } from '#messaging/live-codec.ts'
import {
  MAX_PRESENCE_ADDRESSES,
  MAX_PRESENCE_ADDRESS_CHARACTERS,
  decodeLive,
  encodeLive
} from '#messaging/live-codec.ts'
import { plainOf } from '#tests/support/conversation-fixtures.ts'

const presence: Presence = {
  kind: 'presence',
  peerId: '12D3KooWAlice',
  multiaddrs: ['/ip4/127.0.0.1/tcp/4001/ws'],
  wantsAnswer: true,
  atMs: 1_795_000_000_000,
  counter: 7
}

describe('live codec', () => {
  it('writes exactly these bytes', () => {
    expect(bytesToHex(encodeLive(presence))).toBe(
      '836870726573656e636501a5616e076261741b000001a1ee565e006361736bf564706565726d313244334b6f6f57416c696365656164647273' +
        '81781a2f6970342f3132372e302e302e312f7463702f343030312f7773'
    )
    expect(decodeLive(encodeLive(presence))).toEqual(presence)
  })

  it('leaves out addresses over the bounds, so that a frame always fits', () => {
    const long = `/dns4/${'a'.repeat(MAX_PRESENCE_ADDRESS_CHARACTERS - 6)}`
    const plain = encodeLive({
      ...presence,
      multiaddrs: [`${long}b`, ...Array<string>(20).fill(long)]
    })
    expect(plain.byteLength).toBeLessThan(MAX_LIVE_FRAME_BYTES - 512)
    expect(decodeLive(plain)).toEqual({
      ...presence,
      multiaddrs: Array<string>(MAX_PRESENCE_ADDRESSES).fill(long)
    })
  })

  it('refuses truncated, changed and oversized frames without a throw', () => {
    const plain = encodeLive(presence)
    for (let length = 0; length < plain.byteLength; length++) {
      expect(decodeLive(plainOf(plain.subarray(0, length))).kind).toBe('malformed')
    }
    for (let bit = 0; bit < plain.byteLength * 8; bit++) {
      const flipped = plain.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeLive(plainOf(flipped))).not.toEqual(presence)
    }
    expect(decodeLive(plainOf(new Uint8Array(MAX_LIVE_FRAME_BYTES + 1))).kind).toBe('malformed')
    const manyAddresses = [
      'presence',
      1,
      { peer: 'x', addrs: Array(9).fill('/a'), ask: true, at: 0, n: 0 }
    ]
    expect(decodeLive(plainOf(encodeCanonical(manyAddresses))).kind).toBe('malformed')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeLive(plainOf(bytes)).kind).not.toBe('presence')
      }),
      { numRuns: 1_000 }
    )
  })

  it('tells apart what a later version says', () => {
    const plain = plainOf(encodeCanonical(['presence', 2, { typing: true }]))
    expect(decodeLive(plain)).toEqual({ kind: 'unknown', type: 'presence', version: 2 })
    expect(decodeLive(plainOf(encodeCanonical(['call', 1, {}])))).toMatchObject({ kind: 'unknown' })
  })
})
