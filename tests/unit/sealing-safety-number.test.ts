import { expect, it } from 'vitest'
import { safetyNumber } from '#sealing/safety-number.ts'
import vectors from '#tests/vectors/sealing-safety-number.json' with { type: 'json' }

it('the safety number is the same 60 digits on both sides', () => {
  for (const { users, number } of vectors) {
    const [alice = '', bob = ''] = users
    expect(number).toMatch(/^\d{60}$/)
    expect(safetyNumber(alice, bob)).toBe(number)
    expect(safetyNumber(bob, alice)).toBe(number)
  }
})
