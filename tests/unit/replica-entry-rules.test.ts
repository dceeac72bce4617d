import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { MAX_ENTRY_BYTES, MAX_LAMPORT_TIME, MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { createEntryRules } from '#replica/orbitdb/entry-rules.ts'
import { forgeEntry, reorderMap } from '#tests/support/replica-forge.ts'
import type { ForgedFields } from '#tests/support/replica-forge.ts'
import { createTestGate, createTestWriter } from '#tests/support/replica-gate.ts'

const gate = createTestGate()
const bob = gate.admitWriter()
const rules = createEntryRules({ verifier: createSignatureVerifier() }, gate)
const someHash = (seed: number): string => hashOfBlock(Uint8Array.of(seed))

async function verdictOn(fields: ForgedFields): Promise<string> {
  const verdict = await rules.check(await forgeEntry(gate.address, bob, fields))
  return verdict.ok ? 'accepted' : verdict.reason
}

it('an honest entry is accepted, and its parts are read', async () => {
  const bytes = await forgeEntry(gate.address, bob, { next: [someHash(1)], refs: [someHash(2)] })
  const verdict = await rules.check(bytes)
  expect(verdict).toMatchObject({
    ok: true,
    entry: {
      hash: hashOfBlock(bytes),
      writer: bob.publicKey,
      time: 1,
      next: [someHash(1)],
      refs: [someHash(2)],
      sealed: Uint8Array.of(1, 2, 3)
    }
  })
})

describe('refused', () => {
  const payload = (value: unknown, rest = {}): ForgedFields => ({
    payload: { op: 'ADD', key: null, value, ...rest }
  })
  const time = (value: unknown): ForgedFields => ({ clock: { id: bob.publicKey, time: value } })
  const cases: readonly (readonly [what: string, fields: ForgedFields, reason: string])[] = [
    ['a field that nobody signed', { extra: { note: 1 } }, 'malformed'],
    ['another version', { v: 3 }, 'malformed'],
    ['another log', { id: createTestGate().address }, 'wrong-log'],
    ['a log address that is no text', { id: 7 }, 'malformed'],
    ['no clock', { clock: null }, 'malformed'],
    ['a clock with a further field', { clock: { id: bob.publicKey, time: 1, a: 1 } }, 'malformed'],
    ['the clock of another writer', { clock: { id: 'ab'.repeat(32), time: 1 } }, 'malformed'],
    ['time 0', time(0), 'malformed'],
    ['a negative time', time(-1), 'malformed'],
    ['a fractional time', time(1.5), 'malformed'],
    ['a time beyond the bound', time(MAX_LAMPORT_TIME + 1), 'malformed'],
    ['a time at the end of the safe integers', time(Number.MAX_SAFE_INTEGER), 'malformed'],
    ['a time beyond them', time(1e300), 'malformed'],
    ['a bigint time', time(2n ** 60n), 'malformed'],
    ['a text time', time('1'), 'malformed'],
    ['no payload', { payload: null }, 'malformed'],
    ['a bare payload', { payload: Uint8Array.of(1) }, 'malformed'],
    ['another operation', payload(Uint8Array.of(1), { op: 'DEL' }), 'malformed'],
    ['a payload key', payload(Uint8Array.of(1), { key: 'a' }), 'malformed'],
    ['a further payload field', payload(Uint8Array.of(1), { more: 1 }), 'malformed'],
    ['a text value', payload('secret'), 'malformed'],
    ['an empty value', payload(new Uint8Array()), 'malformed'],
    ['too large a value', payload(new Uint8Array(MAX_SEALED_BYTES + 1)), 'malformed'],
    ['too large an entry', payload(new Uint8Array(MAX_ENTRY_BYTES)), 'too-large'],
    ['links that are no list', { next: null }, 'malformed'],
    ['links that are no hashes', { next: ['zdpuA'] }, 'malformed'],
    ['the same link twice', { next: [someHash(1), someHash(1)] }, 'malformed'],
    [
      'too many links',
      { next: Array.from({ length: 65 }, (_, seed) => someHash(seed)) },
      'malformed'
    ],
    [
      'too many refs',
      { refs: Array.from({ length: 17 }, (_, seed) => someHash(seed)) },
      'malformed'
    ],
    ['an upper-case key', { key: bob.publicKey.toUpperCase() }, 'malformed'],
    ['a key that is not the clock', { key: gate.admitWriter().publicKey }, 'malformed'],
    ['a short signature', { sig: 'ab' }, 'malformed'],
    ['an upper-case signature', { sig: 'AB'.repeat(64) }, 'malformed'],
    ['the signature of something else', { sig: 'ab'.repeat(64) }, 'bad-signature'],
    [
      'a certificate for another writer',
      { identity: gate.admitWriter().certificate },
      'no-certificate'
    ],
    ['a certificate that is no text', { identity: 5 }, 'malformed']
  ]
  it.each(cases)('%s', async (_what, fields, reason) => {
    expect(await verdictOn(fields)).toBe(reason)
  })

  it('a writer whom another gate admitted', async () => {
    const eve = createTestWriter((key) => createTestGate().certify(key))
    expect(await rules.check(await forgeEntry(gate.address, eve))).toEqual({
      ok: false,
      reason: 'no-certificate'
    })
  })

  it('the identity of a member over the key of a stranger', async () => {
    const eve = createTestWriter(() => bob.certificate)
    expect(await rules.check(await forgeEntry(gate.address, eve))).toEqual({
      ok: false,
      reason: 'no-certificate'
    })
  })

  it('the same entry with its map in another order', async () => {
    const bytes = reorderMap(await forgeEntry(gate.address, bob))
    expect(await rules.check(bytes)).toEqual({ ok: false, reason: 'malformed' })
  })

  it('an entry with any bit flipped, cut anywhere, or with bytes after it', async () => {
    const bytes = await forgeEntry(gate.address, bob)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.byteLength * 8 - 1), async (bit) => {
        const flipped = bytes.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect((await rules.check(flipped)).ok).toBe(false)
        expect((await rules.check(bytes.slice(0, bit >> 3))).ok).toBe(false)
      })
    )
    expect((await rules.check(Uint8Array.from([...bytes, 0]))).ok).toBe(false)
  })

  it('garbage', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect((await rules.check(bytes)).ok).toBe(false)
      })
    )
  })
})
