import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDisplayName } from '#protocol/display-name.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import { MAX_NAME_CHARACTERS } from '#protocol/limits.ts'

describe('display name', () => {
  it.each([
    ['  Alice ', 'Alice'],
    ['Alice\t\n  B.', 'Alice B.'],
    ['Ame\u0301lie', 'Am\u00e9lie'],
    ['Bob\u202eecilA', 'BobecilA'],
    ['A\u200bl\ufeffi\u0000ce', 'Alice'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
    ['کتاب‌خانه', 'کتاب‌خانه']
  ])('%j is read as %j', (typed, read) => {
    expect(readDisplayName(typed)).toBe(read)
  })

  it.each(['', '   ', '\u200b\u200e', '\u200d', '\u0301', '\u202e'])('%j is no name', (typed) => {
    expect(() => readDisplayName(typed)).toThrow(expect.objectContaining({ code: 'name-empty' }))
  })

  it('is counted in characters, not in UTF-16 units', () => {
    expect(readDisplayName('🦊'.repeat(MAX_NAME_CHARACTERS))).toHaveLength(2 * MAX_NAME_CHARACTERS)
    for (const typed of ['a'.repeat(MAX_NAME_CHARACTERS + 1), 'a'.repeat(1_000_000)]) {
      expect(() => readDisplayName(typed)).toThrow(
        expect.objectContaining({ code: 'name-too-long' })
      )
    }
  })

  it('reads the same when it is read again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 70 }), (typed) => {
        const read = readOrUndefined(typed)
        return read === undefined || readDisplayName(read) === read
      }),
      { numRuns: 2_000 }
    )
  })
})

function readOrUndefined(typed: string): string | undefined {
  try {
    return readDisplayName(typed)
  } catch (error) {
    if (!isDeadDropError(error)) throw error
    return undefined
  }
}
