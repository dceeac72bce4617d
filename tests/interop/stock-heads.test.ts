import { concatBytes } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import { splitHeads } from '#replica/sync/stock-heads.ts'
import { forgeEntry } from '#tests/support/replica-forge.ts'
import { createTestGate } from '#tests/support/replica-gate.ts'

const gate = createTestGate()
const writer = gate.admitWriter()

it('heads that run together in one chunk are told apart', async () => {
  const heads = await Promise.all(
    [1, 2, 3].map((time) =>
      forgeEntry(gate.address, writer, { clock: { id: writer.publicKey, time } })
    )
  )
  expect(splitHeads(concatBytes(...heads))).toEqual(heads)
})

it('what follows the first byte that belongs to no entry is left out', async () => {
  const head = await forgeEntry(gate.address, writer)
  expect(splitHeads(concatBytes(head, Uint8Array.of(0xff), head))).toEqual([head])
  expect(splitHeads(concatBytes(head, head.subarray(0, -1)))).toEqual([head])
  expect(splitHeads(new Uint8Array())).toEqual([])
})

it('a chunk that is nested without end is no head and no crash', () => {
  expect(splitHeads(new Uint8Array(1_000_000).fill(0x81))).toEqual([])
})

it('no more heads are read than one exchange may carry', () => {
  expect(splitHeads(new Uint8Array(1_000).fill(0x01))).toHaveLength(64)
})
