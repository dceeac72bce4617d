import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { expect, it } from 'vitest'
import { safetyHalf, safetyNumber } from '#sealing/safety-number.ts'
import vectors from '#tests/vectors/sealing-safety-number.json' with { type: 'json' }

const pause = (): Promise<void> => Promise.resolve()

it('the safety number is the same 60 digits and 16 words on both sides', async () => {
  for (const { users, number, words } of vectors) {
    const [alice, bob] = await Promise.all(users.map((user) => safetyHalf({ pause }, user)))
    if (alice === undefined || bob === undefined) throw new Error('a vector names two users')
    const own = safetyNumber(alice, bob)
    expect(own.digits).toMatch(/^\d{60}$/)
    expect(own).toEqual({ digits: number, words: words.split(' ') })
    expect(safetyNumber(bob, alice)).toEqual(own)
  }
})

it('the words are those of the English list of BIP39, byte for byte', () => {
  expect(bytesToHex(sha256(utf8ToBytes(`${wordlist.join('\n')}\n`)))).toBe(
    '2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda'
  )
})
