import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isDeadDropError } from '#protocol/errors.ts'
import { MAX_ENTRY_NEXT } from '#protocol/limits.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { EntryPacker, unpackEntries } from '#replica/orbitdb/packed-entries.ts'
import { forgeEntry } from '#tests/support/replica-forge.ts'
import { createTestGate } from '#tests/support/replica-gate.ts'

const gate = createTestGate()
const writers = [gate.admitWriter(), gate.admitWriter()]
const init = { address: gate.address, hashOf: hashOfBlock }

interface Wish {
  readonly writer: number
  readonly time: number
  readonly links: readonly number[]
  readonly strangers: number
  readonly length: number
}

const anyWishes = fc.array(
  fc.record<Wish>({
    writer: fc.nat({ max: 1 }),
    time: fc.oneof(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 300 })),
    links: fc.array(fc.nat(), { maxLength: 4 }),
    strangers: fc.oneof(fc.nat({ max: 3 }), fc.constant(MAX_ENTRY_NEXT - 4)),
    length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(127, 128, 10_240))
  }),
  { maxLength: 8 }
)

/** Entries that name each other and entries that are not there. */
async function entriesOf(wishes: readonly Wish[]): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = []
  for (const [at, { writer: pick, time, links, strangers, length }] of wishes.entries()) {
    const writer = writers[pick]
    if (writer === undefined) throw new Error('no such writer')
    const near = links.flatMap((link) => entries[link % Math.max(1, at)] ?? [])
    const far = Array.from({ length: strangers }, (_, index) => Uint8Array.of(at, index))
    const names = [...new Set([...near, ...far].map(hashOfBlock))]
    const half = Math.min(names.length, 2)
    entries.push(
      await forgeEntry(gate.address, writer, {
        payload: { op: 'ADD', key: null, value: new Uint8Array(length).fill(at) },
        next: names.slice(half),
        refs: names.slice(0, half),
        clock: { id: writer.publicKey, time }
      })
    )
  }
  return entries
}

function pack(entries: readonly Uint8Array[]): Uint8Array {
  const packer = new EntryPacker()
  for (const bytes of entries) packer.add({ hash: hashOfBlock(bytes), bytes })
  expect(packer.count).toBe(entries.length)
  return packer.bytes()
}

it('entries come out of the wire as they went in, with their hashes', async () => {
  await fc.assert(
    fc.asyncProperty(anyWishes, async (wishes) => {
      const entries = await entriesOf(wishes)
      const unpacked = unpackEntries(pack(entries), init)
      expect(unpacked.map(({ bytes }) => bytesToHex(bytes))).toEqual(entries.map(bytesToHex))
      expect(unpacked.map(({ hash }) => hash)).toEqual(entries.map(hashOfBlock))
    }),
    { numRuns: 200 }
  )
})

it('an entry of a chain costs its envelope and less than 75 bytes', async () => {
  const chain = (length: number): Promise<Uint8Array[]> =>
    entriesOf(
      Array.from({ length }, (_, at) => ({
        writer: 0,
        time: at + 1,
        links: at === 0 ? [] : [at - 1],
        strangers: 0,
        length: 300
      }))
    )
  const [one, many] = [pack(await chain(1)), pack(await chain(101))]
  expect((many.byteLength - one.byteLength) / 100).toBeLessThan(300 + 75)
})

it('damaged bytes are refused with an error of ours, or are other entries', async () => {
  const entries = await entriesOf([
    { writer: 0, time: 1, links: [], strangers: 1, length: 5 },
    { writer: 1, time: 2, links: [0], strangers: 0, length: 5 }
  ])
  const packed = pack(entries)
  for (let at = 0; at < packed.byteLength; at++) {
    expect(() => unpackEntries(packed.subarray(0, at), init)).toThrow()
    for (const flip of [1, 128, 255]) {
      const changed = packed.slice()
      changed[at] = (packed[at] ?? 0) ^ flip
      try {
        const unpacked = unpackEntries(changed, init)
        expect(unpacked.map(({ hash }) => hash)).not.toEqual(entries.map(hashOfBlock))
      } catch (error) {
        expect(isDeadDropError(error) && error.code).toBe('bytes-malformed')
      }
    }
  }
  expect(() => unpackEntries(Uint8Array.from([...packed, 0]), init)).toThrow('after the last')
})

it.each([
  ['a writer that is not in the list', [0, 1, 0, 2, 0, 0], 'no writer'],
  ['more entries than one list may have', [0, 0x81, 0x10], 'number of entries'],
  ['a number that is not in its shortest form', [0x80, 0], 'shortest'],
  ['a number without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 'writers']
])('%s is refused', (_name, bytes, complaint) => {
  expect(() => unpackEntries(Uint8Array.from(bytes), init)).toThrow(complaint)
})

it('what is stored and is no entry cannot be packed', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  expect(() => {
    new EntryPacker().add({ hash: hashOfBlock(bytes), bytes })
  }).toThrow('not an entry')
})
