import { hexToBytes } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import { deriveSegment } from '#sealing/segment.ts'
import vector from '#tests/vectors/sealing-segment.json' with { type: 'json' }

it.each(vector.segments)('derives segment $number as in the vector', (expected) => {
  const chain = {
    secret: hexToBytes(vector.secret),
    writerSecret: hexToBytes(vector.writerSecret)
  }
  const { manifest, address, writer } = deriveSegment(chain, expected.number)
  expect({
    number: expected.number,
    name: manifest.name,
    gatePublicKey: manifest.gatePublicKey,
    address,
    writer: writer.publicKey,
    certificate: writer.certificate
  }).toEqual(expected)
})
