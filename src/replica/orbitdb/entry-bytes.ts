import {
  MAX_ENTRY_NEXT,
  MAX_ENTRY_REFS,
  MAX_LAMPORT_TIME,
  MAX_SEALED_BYTES
} from '#protocol/limits.ts'

/** An entry in the form in which replicas write it, taken apart in one pass. */
export interface EntryParts {
  readonly id: string
  readonly key: string
  readonly identity: string
  readonly sig: string
  readonly time: number
  readonly next: readonly string[]
  readonly refs: readonly string[]
  readonly value: Uint8Array
  /** What OrbitDB signs: the entry without key, identity and signature. */
  readonly signed: Uint8Array
}

const ID = /^\/orbitdb\/zdpu[1-9A-HJ-NP-Za-km-z]{45}$/
const HASH = /^zdpu[1-9A-HJ-NP-Za-km-z]{45}$/
const KEY = /^[0-9a-f]{64}$/
const SIGNATURE = /^[0-9a-f]{128}$/
const IDENTITY = /^dd1\.[A-Za-z0-9_-]{86}$/

const MAP_OF_SIX = 0xa6
const LIST = 0x80
const LIST_8 = 0x98
const BYTES = 0x40
const SIX_BIT_LIMIT = 24

const decoder = new TextDecoder()
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The fixed bytes between the values: heads of maps, names, and lengths that the values always have. */
const VERSION_AND_ID = Uint8Array.of(0xa9, 0x61, ...ascii('v'), 2, 0x62, ...ascii('id'), 0x78, 58)
const KEY_NAME = Uint8Array.of(0x63, ...ascii('key'), 0x78, 64)
const SIG_NAME = Uint8Array.of(0x63, ...ascii('sig'), 0x78, 128)
const NEXT_NAME = Uint8Array.of(0x64, ...ascii('next'))
const REFS_NAME = Uint8Array.of(0x64, ...ascii('refs'))
const HASH_LENGTH = Uint8Array.of(0x78, 49)
const CLOCK_ID = Uint8Array.of(0x65, ...ascii('clock'), 0xa2, 0x62, ...ascii('id'), 0x78, 64)
const TIME_NAME = Uint8Array.of(0x64, ...ascii('time'))
const PAYLOAD = Uint8Array.of(
  ...[0x67, ...ascii('payload'), 0xa3, 0x62, ...ascii('op'), 0x63, ...ascii('ADD')],
  ...[0x63, ...ascii('key'), 0xf6, 0x65, ...ascii('value')]
)
const IDENTITY_NAME = Uint8Array.of(0x68, ...ascii('identity'), 0x78, 90)

/**
 * Reads an entry in one pass: no generic decoding, and no encoding to see whether the bytes are canonical, since each byte
 * that is not a value has one allowed form. Says nothing about who may write or whether the signature is right.
 *
 * @returns `undefined` when the bytes have any other form; the slow way says then what is wrong with them, if anything.
 */
export function readEntryParts(bytes: Uint8Array): EntryParts | undefined {
  const reader = new Reader(bytes)
  reader.expect(VERSION_AND_ID)
  const id = reader.text(58, ID)
  const endOfId = reader.at
  reader.expect(KEY_NAME)
  const key = reader.text(64, KEY)
  reader.expect(SIG_NAME)
  const sig = reader.text(128, SIGNATURE)
  const startOfNext = reader.at
  reader.expect(NEXT_NAME)
  const next = reader.hashes(MAX_ENTRY_NEXT)
  reader.expect(REFS_NAME)
  const refs = reader.hashes(MAX_ENTRY_REFS)
  reader.expect(CLOCK_ID)
  const clockId = reader.text(64, KEY)
  reader.expect(TIME_NAME)
  const time = reader.unsigned(0)
  reader.expect(PAYLOAD)
  const value = reader.bytes(reader.unsigned(BYTES))
  const endOfPayload = reader.at
  reader.expect(IDENTITY_NAME)
  const identity = reader.text(90, IDENTITY)
  const isRead = reader.isRight && reader.at === bytes.byteLength
  if (!isRead || clockId !== key || time < 1 || time > MAX_LAMPORT_TIME) return undefined
  if (value.byteLength < 1 || value.byteLength > MAX_SEALED_BYTES) return undefined
  const signed = new Uint8Array(endOfId + endOfPayload - startOfNext)
  signed.set(bytes.subarray(0, endOfId))
  signed.set(bytes.subarray(startOfNext, endOfPayload), endOfId)
  signed[0] = MAP_OF_SIX
  return { id, key, identity, sig, time, next, refs, value, signed }
}

/** Goes on after a wrong byte, reading nothing more: one look at {@link isRight} at the end is enough. */
class Reader {
  at = 0
  isRight = true
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  expect(form: Uint8Array): void {
    for (let i = 0; this.isRight && i < form.byteLength; i++) {
      if (this.#bytes[this.at + i] !== form[i]) this.isRight = false
    }
    this.at += form.byteLength
  }

  text(length: number, form: RegExp): string {
    if (!this.isRight) return ''
    const text = decoder.decode(this.#bytes.subarray(this.at, this.at + length))
    // Each form is ASCII of a fixed length, so that these are its bytes and no others.
    if (!form.test(text)) this.isRight = false
    this.at += length
    return text
  }

  hashes(maxItems: number): readonly string[] {
    let length = (this.#bytes[this.at++] ?? 0) - LIST
    if (length === LIST_8 - LIST) {
      length = this.#bytes[this.at++] ?? 0
      if (length < SIX_BIT_LIMIT) this.isRight = false
    } else if (length >= SIX_BIT_LIMIT) this.isRight = false
    if (length < 0 || length > maxItems) this.isRight = false
    const hashes: string[] = []
    while (this.isRight && hashes.length < length) {
      this.expect(HASH_LENGTH)
      hashes.push(this.text(49, HASH))
    }
    if (hashes.length > 1 && new Set(hashes).size < hashes.length) this.isRight = false
    return hashes
  }

  /** The number in the head of an integer or a byte string, in its shortest form. */
  unsigned(major: number): number {
    const short = (this.#bytes[this.at++] ?? 0) - major
    if (short >= 0 && short < SIX_BIT_LIMIT) return short
    const width = [1, 2, 4, 8][short - SIX_BIT_LIMIT]
    if (width === undefined || this.at + width > this.#bytes.byteLength) {
      this.isRight = false
      return 0
    }
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + (this.#bytes[this.at++] ?? 0)
    if (value < (width === 1 ? SIX_BIT_LIMIT : 256 ** (width / 2))) this.isRight = false
    return value
  }

  bytes(length: number): Uint8Array {
    if (!this.isRight) return new Uint8Array()
    // A copy, and never a Buffer, whose `slice` would keep the whole frame.
    const bytes = new Uint8Array(this.#bytes.subarray(this.at, this.at + length))
    if (bytes.byteLength < length) this.isRight = false
    this.at += length
    return bytes
  }
}
