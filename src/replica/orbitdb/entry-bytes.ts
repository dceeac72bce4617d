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
  /** 64 bytes. */
  readonly signature: Uint8Array
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
const IDENTITY = /^dd1\.[A-Za-z0-9_-]{86}$/

const MAP_OF_SIX = 0xa6
const LIST = 0x80
const LIST_8 = 0x98
const BYTES = 0x40
const SIX_BIT_LIMIT = 24

const SIGNATURE_BYTES = 64
const ID_CHARACTERS = 58
const KEY_CHARACTERS = 64
const HASH_CHARACTERS = 49
const IDENTITY_CHARACTERS = 90

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
const LINK_BYTES = HASH_LENGTH.byteLength + HASH_CHARACTERS
/** All that does not depend on links and payload, with the longest numbers. */
const FIXED_BYTES =
  [
    ...[VERSION_AND_ID, KEY_NAME, SIG_NAME, NEXT_NAME, REFS_NAME, CLOCK_ID, TIME_NAME, PAYLOAD],
    IDENTITY_NAME
  ].reduce((sum, { byteLength }) => sum + byteLength, 0) +
  ID_CHARACTERS +
  2 * KEY_CHARACTERS +
  2 * SIGNATURE_BYTES +
  IDENTITY_CHARACTERS +
  2 * 2 +
  2 * 9
const HEX = ascii('0123456789abcdef')

/**
 * Reads an entry in one pass: no generic decoding, and no encoding to see whether the bytes are canonical, since each byte
 * that is not a value has one allowed form. Says nothing about who may write or whether the signature is right.
 *
 * @returns `undefined` when the bytes have any other form; the slow way says then what is wrong with them, if anything.
 */
export function readEntryParts(bytes: Uint8Array): EntryParts | undefined {
  const reader = new Reader(bytes)
  reader.expect(VERSION_AND_ID)
  const id = reader.text(ID_CHARACTERS, ID)
  const endOfId = reader.at
  reader.expect(KEY_NAME)
  const key = reader.text(KEY_CHARACTERS, KEY)
  reader.expect(SIG_NAME)
  const signature = reader.hexBytes(SIGNATURE_BYTES)
  const startOfNext = reader.at
  reader.expect(NEXT_NAME)
  const next = reader.hashes(MAX_ENTRY_NEXT)
  reader.expect(REFS_NAME)
  const refs = reader.hashes(MAX_ENTRY_REFS)
  reader.expect(CLOCK_ID)
  const clockId = reader.text(KEY_CHARACTERS, KEY)
  reader.expect(TIME_NAME)
  const time = reader.unsigned(0)
  reader.expect(PAYLOAD)
  const value = reader.bytes(reader.unsigned(BYTES))
  const endOfPayload = reader.at
  reader.expect(IDENTITY_NAME)
  const identity = reader.text(IDENTITY_CHARACTERS, IDENTITY)
  const isRead = reader.isRight && reader.at === bytes.byteLength
  if (!isRead || clockId !== key || time < 1 || time > MAX_LAMPORT_TIME) return undefined
  if (value.byteLength < 1 || value.byteLength > MAX_SEALED_BYTES) return undefined
  const signed = signedOf(bytes, endOfId, startOfNext, endOfPayload)
  return { id, key, identity, signature, time, next, refs, value, signed }
}

/** What an entry consists of, as {@link writeEntryParts} takes it. */
export type EntryFields = Omit<EntryParts, 'signed'>

/**
 * The one canonical form of an entry, which {@link readEntryParts} reads.
 *
 * @param fields - within the bounds that `readEntryParts` checks, hashes and keys in their forms.
 */
export function writeEntryParts(fields: EntryFields): {
  readonly bytes: Uint8Array
  readonly parts: EntryParts
} {
  const { id, key, identity, signature, time, next, refs, value } = fields
  const writer = new Writer(
    FIXED_BYTES + LINK_BYTES * (next.length + refs.length) + value.byteLength
  )
  writer.raw(VERSION_AND_ID)
  writer.text(id)
  const endOfId = writer.at
  writer.raw(KEY_NAME)
  writer.text(key)
  writer.raw(SIG_NAME)
  writer.hex(signature)
  const startOfNext = writer.at
  writer.raw(NEXT_NAME)
  writer.hashes(next)
  writer.raw(REFS_NAME)
  writer.hashes(refs)
  writer.raw(CLOCK_ID)
  writer.text(key)
  writer.raw(TIME_NAME)
  writer.unsigned(0, time)
  writer.raw(PAYLOAD)
  writer.unsigned(BYTES, value.byteLength)
  writer.raw(value)
  const endOfPayload = writer.at
  writer.raw(IDENTITY_NAME)
  writer.text(identity)
  const bytes = writer.bytes()
  return {
    bytes,
    parts: { ...fields, signed: signedOf(bytes, endOfId, startOfNext, endOfPayload) }
  }
}

/** Without key and signature, which stand together, and identity, which is last: OrbitDB signs a map of the other six. */
function signedOf(
  bytes: Uint8Array,
  endOfId: number,
  startOfNext: number,
  endOfPayload: number
): Uint8Array {
  const signed = new Uint8Array(endOfId + endOfPayload - startOfNext)
  signed.set(bytes.subarray(0, endOfId))
  signed.set(bytes.subarray(startOfNext, endOfPayload), endOfId)
  signed[0] = MAP_OF_SIX
  return signed
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

  hexBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; this.isRight && i < length; i++) {
      const high = valueOfHex(this.#bytes[this.at + 2 * i])
      const low = valueOfHex(this.#bytes[this.at + 2 * i + 1])
      if (high === -1 || low === -1) this.isRight = false
      bytes[i] = (high << 4) | low
    }
    this.at += 2 * length
    return bytes
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
      hashes.push(this.text(HASH_CHARACTERS, HASH))
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

class Writer {
  at = 0
  readonly #bytes: Uint8Array

  constructor(maxBytes: number) {
    this.#bytes = new Uint8Array(maxBytes)
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.at)
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.at)
    this.at += bytes.byteLength
  }

  /** ASCII only. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#bytes[this.at + i] = text.charCodeAt(i)
    this.at += text.length
  }

  hex(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#bytes[this.at++] = HEX[byte >> 4] ?? 0
      this.#bytes[this.at++] = HEX[byte & 0xf] ?? 0
    }
  }

  hashes(hashes: readonly string[]): void {
    if (hashes.length < SIX_BIT_LIMIT) this.#bytes[this.at++] = LIST + hashes.length
    else {
      this.#bytes[this.at++] = LIST_8
      this.#bytes[this.at++] = hashes.length
    }
    for (const hash of hashes) {
      this.raw(HASH_LENGTH)
      this.text(hash)
    }
  }

  unsigned(major: number, value: number): void {
    if (value < SIX_BIT_LIMIT) {
      this.#bytes[this.at++] = major + value
      return
    }
    const step = [2 ** 8, 2 ** 16, 2 ** 32].findIndex((limit) => value < limit)
    const width = 2 ** (step === -1 ? 3 : step)
    this.#bytes[this.at++] = major + SIX_BIT_LIMIT + Math.log2(width)
    let rest = value
    for (let i = width - 1; i >= 0; i--) {
      this.#bytes[this.at + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
    this.at += width
  }
}

/** @returns -1 for anything but a lower-case digit. */
function valueOfHex(character: number | undefined): number {
  if (character === undefined) return -1
  if (character >= 0x30 && character <= 0x39) return character - 0x30
  if (character >= 0x61 && character <= 0x66) return character - 0x61 + 10
  return -1
}
