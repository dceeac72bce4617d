import * as dagCbor from '@ipld/dag-cbor'
import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeCanonical } from '#protocol/cbor.ts'
import { MAX_ENTRY_BYTES, MAX_ENTRY_NEXT, MAX_ENTRY_REFS } from '#protocol/limits.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { readEntryParts, writeEntryParts } from '#replica/orbitdb/entry-bytes.ts'
import { createEntryHasher, digestOfName, nameOfDigest } from '#replica/orbitdb/entry-hash.ts'
import { forgeEntry, reorderMap } from '#tests/support/replica-forge.ts'
import { createTestGate } from '#tests/support/replica-gate.ts'

const gate = createTestGate()
const writer = gate.admitWriter()

const anyHash = fc.uint8Array({ minLength: 1, maxLength: 8 }).map(hashOfBlock)
const anyFields = fc.record({
  next: fc.uniqueArray(anyHash, { maxLength: MAX_ENTRY_NEXT }),
  refs: fc.uniqueArray(anyHash, { maxLength: MAX_ENTRY_REFS }),
  time: fc.oneof(
    fc.integer({ min: 1, max: 2 ** 40 }),
    fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 40)
  ),
  value: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.constantFrom(23, 24, 255, 256, 10_240).map((length) => new Uint8Array(length).fill(7))
  )
})

async function entryOf({
  next,
  refs,
  time,
  value
}: FieldsOf<typeof anyFields>): Promise<Uint8Array> {
  const clock = { id: writer.publicKey, time }
  const payload = { op: 'ADD', key: null, value }
  return forgeEntry(gate.address, writer, { next, refs, clock, payload })
}

type FieldsOf<A> = A extends fc.Arbitrary<infer T> ? T : never

/** What the slow way makes of bytes that the short way took. */
function expectSameAsSlow(bytes: Uint8Array): void {
  const parts = readEntryParts(bytes)
  if (parts === undefined) return
  const { id, key, identity, signature, time, next, refs, value, signed } = parts
  const payload = { op: 'ADD', key: null, value }
  const unsigned = { id, payload, next, refs, clock: { id: key, time }, v: 2 }
  const sig = bytesToHex(signature)
  expect(decodeCanonical(bytes, MAX_ENTRY_BYTES)).toEqual({ ...unsigned, key, identity, sig })
  expect(signed).toEqual(new Uint8Array(dagCbor.encode(unsigned)))
}

it('every entry of the form that we write is read in one pass', async () => {
  await fc.assert(
    fc.asyncProperty(anyFields, async (fields) => {
      const bytes = await entryOf(fields)
      const { next, refs, time, value } = readEntryParts(bytes) ?? {}
      expect({ next, refs, time, value }).toEqual(fields)
      expectSameAsSlow(bytes)
    })
  )
})

it('what was read is written again as it was', async () => {
  await fc.assert(
    fc.asyncProperty(anyFields, async (fields) => {
      const bytes = await entryOf(fields)
      const parts = readEntryParts(bytes)
      if (parts === undefined) throw new Error('the entry was not read')
      expect(writeEntryParts(parts)).toEqual({ bytes, parts })
    })
  )
})

it('what is read in one pass is canonical, and means what a generic decoder reads', async () => {
  const anyEdit = fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 3 }),
    insert: fc.uint8Array({ maxLength: 3 })
  })
  await fc.assert(
    fc.asyncProperty(anyFields, fc.array(anyEdit, { maxLength: 3 }), async (fields, edits) => {
      let bytes = await entryOf(fields)
      for (const { at, remove, insert } of edits) {
        const start = at % (bytes.byteLength + 1)
        bytes = Uint8Array.from([
          ...bytes.subarray(0, start),
          ...insert,
          ...bytes.subarray(start + remove)
        ])
      }
      expectSameAsSlow(bytes)
    }),
    { numRuns: 500 }
  )
})

it('each single changed byte leaves either no entry or a canonical one', async () => {
  const next = [hashOfBlock(Uint8Array.of(1))]
  const bytes = await entryOf({ next, refs: [], time: 2, value: Uint8Array.of(1, 2, 3) })
  for (let at = 0; at < bytes.byteLength; at++) {
    for (const flip of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
      const changed = bytes.slice()
      changed[at] = (bytes[at] ?? 0) ^ flip
      expectSameAsSlow(changed)
    }
    expectSameAsSlow(bytes.subarray(0, at))
  }
})

it('other encodings of the same entry are not read in one pass', async () => {
  const bytes = await entryOf({ next: [], refs: [], time: 5, value: Uint8Array.of(1) })
  expect(readEntryParts(reorderMap(bytes))).toBeUndefined()
  expect(readEntryParts(Uint8Array.from([...bytes, 0]))).toBeUndefined()
  const twice = hashOfBlock(Uint8Array.of(1))
  for (const list of ['next', 'refs'] as const) {
    const doubled = await forgeEntry(gate.address, writer, { [list]: [twice, twice] })
    expect(readEntryParts(doubled)).toBeUndefined()
  }
  const stranger = await forgeEntry(gate.address, writer, {
    clock: { id: '0'.repeat(64), time: 1 }
  })
  expect(readEntryParts(stranger)).toBeUndefined()
  // The time as a number of two bytes.
  const time = [0x64, ...new TextEncoder().encode('time')]
  const at = bytes.findIndex((_, start) => time.every((byte, i) => bytes[start + i] === byte)) + 5
  const longer = Uint8Array.from([...bytes.subarray(0, at), 0x18, 5, ...bytes.subarray(at + 1)])
  expect(bytes[at]).toBe(5)
  expect(readEntryParts(longer)).toBeUndefined()
})

it('the short way to the name of an entry leads to the same name', () => {
  const hashOf = createEntryHasher()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(hashOf(bytes)).toBe(hashOfBlock(bytes))
    }),
    { numRuns: 500 }
  )
  for (const digest of [new Uint8Array(32), new Uint8Array(32).fill(255)]) {
    expect(createEntryHasher(() => digest)(new Uint8Array())).toHaveLength(49)
    expect(digestOfName(nameOfDigest(digest))).toEqual(digest)
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
      expect(digestOfName(nameOfDigest(digest))).toEqual(digest)
    })
  )
})
