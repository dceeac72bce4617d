import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareSafetyCode, encodeSafetyCode, readSafetyCode } from '#sealing/safety-code.ts'
import { safetyHalf, safetyNumber, type SafetyNumber } from '#sealing/safety-number.ts'

const userId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((root) => bytesToHex(root))

/** Each half takes about 30 ms, more on a busy machine. */
const FEW = { numRuns: 8 }
const pause = (): Promise<void> => Promise.resolve()

async function numberOf(one: string, other: string): Promise<SafetyNumber> {
  return safetyNumber(await safetyHalf({ pause }, one), await safetyHalf({ pause }, other))
}

it('both sides see the same digits and words, whatever their keys', async () => {
  await fc.assert(
    fc.asyncProperty(userId, userId, async (alice, bob) => {
      const seen = await numberOf(alice, bob)
      expect(await numberOf(bob, alice)).toEqual(seen)
      expect(seen.digits).toMatch(/^\d{60}$/)
      expect(seen.words).toHaveLength(16)
      expect(seen.words.every((word) => /^[a-z]{3,8}$/.test(word))).toBe(true)
    }),
    FEW
  )
})

it('one bit of one key changes the digits and the words', async () => {
  await fc.assert(
    fc.asyncProperty(userId, userId, fc.nat(255), async (alice, bob, bit) => {
      const at = Math.floor(bit / 4)
      const nibble = Number.parseInt(bob.charAt(at), 16) ^ (1 << (bit % 4))
      const eve = bob.slice(0, at) + nibble.toString(16) + bob.slice(at + 1)
      const seen = await numberOf(alice, bob)
      const forged = await numberOf(alice, eve)
      expect(forged.digits).not.toBe(seen.digits)
      expect(forged.words).not.toEqual(seen.words)
    }),
    FEW
  )
})

it('codes match exactly when the keys do', () => {
  fc.assert(
    fc.property(fc.uniqueArray(userId, { minLength: 3, maxLength: 3 }), (users) => {
      const [alice = '', bob = '', eve = ''] = users
      const known = { ownUserId: bob, contactUserId: alice }
      const shown = (own: string, contact: string): ReturnType<typeof readSafetyCode> =>
        readSafetyCode(encodeSafetyCode({ ownUserId: own, contactUserId: contact }))
      expect(compareSafetyCode(known, shown(alice, bob))).toBe('match')
      expect(compareSafetyCode(known, shown(bob, alice))).toBe('own-code')
      expect(compareSafetyCode(known, shown(alice, eve))).toBe('mismatch')
      expect(compareSafetyCode(known, shown(eve, bob))).toBe('mismatch')
    })
  )
})
