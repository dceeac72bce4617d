import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isDeadDropError } from '#protocol/errors.ts'
import { MAX_SYNC_FRAME_BYTES } from '#protocol/limits.ts'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import { encodeCanonical } from '#protocol/cbor.ts'
import { decodeSyncMessage, encodeSyncMessage } from '#replica/sync/sync-messages.ts'
import type { SyncMessage } from '#replica/sync/sync-messages.ts'

const address = readLogAddress(`/orbitdb/${hashOfBlock(Uint8Array.of(1))}`)
const messages: readonly SyncMessage[] = [
  { type: 'have', address, heads: [hashOfBlock(Uint8Array.of(2))], ladder: [], isFull: true },
  { type: 'entries', packed: Uint8Array.of(0, 0) },
  { type: 'ack' },
  { type: 'end' },
  { type: 'refuse' }
]

it('every message comes back as it was', () => {
  for (const message of messages) {
    expect(decodeSyncMessage(encodeSyncMessage(message))).toEqual(message)
  }
})

it('the bytes on the wire do not change unnoticed', () => {
  expect(bytesToHex(encodeSyncMessage({ type: 'end' }))).toBe('a1647479706563656e64')
  expect(bytesToHex(encodeSyncMessage({ type: 'ack' }))).toBe('a164747970656361636b')
  const packed = Uint8Array.of(0, 0)
  expect(bytesToHex(encodeSyncMessage({ type: 'entries', packed }))).toBe('010000')
  const have = { type: 'have', address, heads: [], ladder: [], isFull: false } as const
  expect(bytesToHex(encodeSyncMessage(have))).toBe(
    'a5647479706564686176656568656164738066697346756c6cf4666c6164646572806761646472657373783a2f6f72626974' +
      '64622f7a647075417158776f5377675555544d6f734652726e54556f556f3670316731794b7778676a4d57754e514b4467446152'
  )
})

it('anything else is refused with an error of ours', () => {
  const have = { type: 'have', address, heads: [], ladder: [], isFull: false }
  const refused = [
    encodeCanonical({ type: 'hello' }),
    encodeCanonical({ type: 'end', more: 1 }),
    encodeCanonical({ type: 'ack', heads: [] }),
    encodeCanonical({ type: 'ack', count: 1 }),
    encodeCanonical({ ...have, address: '/orbitdb/zdpu' }),
    encodeCanonical({ ...have, heads: ['zdpu'] }),
    encodeCanonical({ ...have, heads: 1 }),
    encodeCanonical({ ...have, isFull: 1 }),
    encodeCanonical({ type: 'entries', entries: [] }),
    new Uint8Array(),
    new Uint8Array(MAX_SYNC_FRAME_BYTES + 1),
    new Uint8Array(MAX_SYNC_FRAME_BYTES + 1).fill(1)
  ]
  for (const bytes of refused) expect(() => decodeSyncMessage(bytes)).toThrow()
  fc.assert(
    fc.property(
      fc.constantFrom(...messages.filter(({ type }) => type !== 'entries')),
      fc.nat(),
      (message, seed) => {
        const bytes = encodeSyncMessage(message)
        for (const damaged of [
          bytes.slice(0, seed % bytes.byteLength),
          Uint8Array.from([...bytes, 0])
        ]) {
          try {
            decodeSyncMessage(damaged)
            expect.unreachable('damaged bytes were accepted')
          } catch (error) {
            expect(isDeadDropError(error)).toBe(true)
          }
        }
      }
    )
  )
})
