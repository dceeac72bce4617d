import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { MAX_LIVE_FRAME_BYTES } from '#protocol/limits.ts'
import { encodeLiveFrame, readLiveFrame } from '#protocol/live-frame.ts'
import { createTestGate, createTestWriter, sealText } from '#tests/support/replica-gate.ts'

const verifier = createSignatureVerifier()
const gate = createTestGate()
const writer = gate.admitWriter()
const content = { timeMs: 1_700_000_000_000, sealed: sealText('typing') }
const read = (bytes: Uint8Array): ReturnType<typeof readLiveFrame> =>
  readLiveFrame(verifier, gate.manifest, gate.address, bytes)

it('a frame comes back as it was signed', async () => {
  const bytes = await encodeLiveFrame(writer, gate.address, content)
  expect(await read(bytes)).toEqual({ writer: writer.publicKey, ...content })
})

it('refuses other logs, strangers, other versions and re-signed content', async () => {
  const other = createTestGate()
  const stranger = createTestWriter(() => writer.certificate)
  const honest = await encodeLiveFrame(writer, gate.address, content)
  const items = dagCbor.decode<unknown[]>(honest)
  const refused = [
    await encodeLiveFrame(other.admitWriter(), gate.address, content),
    await encodeLiveFrame(writer, other.address, content),
    await encodeLiveFrame(stranger, gate.address, content),
    dagCbor.encode(items.with(0, 2)),
    dagCbor.encode(items.with(4, content.timeMs + 1)),
    dagCbor.encode(items.with(5, sealText('away'))),
    dagCbor.encode([...items, 1]),
    dagCbor.encode({ version: 1 })
  ]
  for (const bytes of refused) expect(await read(bytes)).toBeUndefined()
})

it('refuses any damaged byte and any cut', async () => {
  const honest = await encodeLiveFrame(writer, gate.address, content)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(honest.byteLength - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, by) => {
        const damaged = honest.slice()
        damaged[at] = (damaged[at] ?? 0) ^ by
        expect(await read(damaged)).toBeUndefined()
        expect(await read(honest.slice(0, at))).toBeUndefined()
      }
    )
  )
})

it('is never larger than the limit', async () => {
  await expect(
    encodeLiveFrame(writer, gate.address, {
      ...content,
      sealed: sealText('x'.repeat(MAX_LIVE_FRAME_BYTES))
    })
  ).rejects.toMatchObject({ code: 'bytes-too-large' })
  expect(await read(new Uint8Array(MAX_LIVE_FRAME_BYTES + 1))).toBeUndefined()
})
