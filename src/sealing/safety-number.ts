import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { wordlist } from '@scure/bip39/wordlists/english.js'

/** What two people compare to know that nobody stands between them. The same on both sides. */
export interface SafetyNumber {
  /** 60 digits, to be shown in groups of five. */
  readonly digits: string
  /** 16 words, eight for each of the two: the same as the digits, easier to read out. */
  readonly words: readonly string[]
}

/** One user's part of every safety number that they have. */
export interface SafetyHalf {
  /** 30 digits. */
  readonly digits: string
  /** Eight words. */
  readonly words: readonly string[]
}

/** Rounds of the hash: about 30 ms, and 12 bits more work for whoever looks for a key with a similar number. */
const ROUNDS = 5_200
/** Rounds without a pause: a slow phone does them within a frame or two. */
const ROUNDS_AT_ONCE = 650
/** Five bytes give five digits. */
const GROUPS = 6
/** The words come from the bytes after those of the digits: who compares both compares more. */
const WORDS_AT = 5 * GROUPS
const WORDS = 8
/** 2,048 words. */
const BITS_PER_WORD = 11

/**
 * The part of one user: `h = "dd/fp" | root`, then 5,200 times `h = SHA-512(h | root)`; six times five bytes, big-endian,
 * modulo 100,000, are the digits; the 88 bits after them are eight numbers of 11 bits, each a word of the English list of
 * BIP39. Depends on the root key only; new devices do not change it. Takes about 30 ms.
 *
 * @param components.pause - awaited between portions of the work, so that a page stays responsive.
 * @param userId - root public key, lower-case hex, 64 characters.
 * @see https://signal.org/docs/specifications/ (the numeric fingerprint format of libsignal, which this follows)
 * @see https://github.com/bitcoin/bips/blob/master/bip-0039/english.txt
 */
export async function safetyHalf(
  components: { readonly pause: () => Promise<void> },
  userId: string
): Promise<SafetyHalf> {
  const root = hexToBytes(userId)
  let hash: Uint8Array = concatBytes(utf8ToBytes('dd/fp'), root)
  for (let round = 0; round < ROUNDS; round++) {
    if (round % ROUNDS_AT_ONCE === 0) await components.pause()
    hash = sha512(concatBytes(hash, root))
  }
  return { digits: digitsOf(hash), words: wordsOf(hash) }
}

/** Puts the parts of two users together, in ascending order of their digits: both sides get the same. */
export function safetyNumber(one: SafetyHalf, other: SafetyHalf): SafetyNumber {
  const [first, second] = one.digits <= other.digits ? [one, other] : [other, one]
  return { digits: first.digits + second.digits, words: [...first.words, ...second.words] }
}

function digitsOf(hash: Uint8Array): string {
  const view = new DataView(hash.buffer, hash.byteOffset)
  let digits = ''
  for (let group = 0; group < GROUPS; group++) {
    const number = view.getUint8(group * 5) * 2 ** 32 + view.getUint32(group * 5 + 1)
    digits += String(number % 100_000).padStart(5, '0')
  }
  return digits
}

function wordsOf(hash: Uint8Array): readonly string[] {
  let bits = 0n
  const end = WORDS_AT + (WORDS * BITS_PER_WORD) / 8
  for (const byte of hash.subarray(WORDS_AT, end)) bits = (bits << 8n) | BigInt(byte)
  const words: string[] = []
  for (let word = WORDS - 1; word >= 0; word--) {
    const index = Number(BigInt.asUintN(BITS_PER_WORD, bits >> BigInt(word * BITS_PER_WORD)))
    words.push(wordlist[index] ?? '')
  }
  return words
}
