import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { base64url } from 'multiformats/bases/base64'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { encodeGateCertificate } from '#protocol/gate.ts'
import {
  MAX_ENTRY_NEXT,
  MAX_ENTRY_REFS,
  MAX_LAMPORT_TIME,
  MAX_SEALED_BYTES
} from '#protocol/limits.ts'
import { readEntryParts, writeEntryParts } from './entry-bytes.ts'
import type { EntryParts } from './entry-bytes.ts'
import { digestOfName, nameOfDigest } from './entry-hash.ts'
import type { StoredBlock } from './entry-rows.ts'

/** Most entries, and most writers, in one packed list: bounds what a few bytes can make a reader allocate. */
const MAX_ENTRIES = 2_048
const MAX_WRITERS = 256

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const DIGEST_BYTES = 32
const CERTIFICATE_PREFIX = 'dd1.'

/** An entry that was taken from the wire; nothing but its form has been checked. */
export interface UnpackedEntry extends StoredBlock {
  readonly parts: EntryParts
}

/**
 * Packs entries of one log for the wire: what repeats (log, writers, certificates, hashes of the entries just before, names
 * of fields) is written once or not at all, binary is not spelt in hex, and the hash of an entry is left to the reader. An
 * entry costs its envelope and about 70 bytes, a sixth of what OrbitDB's form adds to it.
 *
 * `docs/protocol.md` has the bytes.
 */
export class EntryPacker {
  readonly #writers = new Map<string, number>()
  readonly #writerBytes = new ByteList()
  readonly #entryBytes = new ByteList()
  /** Position in this list, by hash. */
  readonly #positions = new Map<string, number>()
  #count = 0
  #time = 0

  get count(): number {
    return this.#count
  }

  get byteLength(): number {
    return this.#writerBytes.byteLength + this.#entryBytes.byteLength
  }

  /** Whether another entry may be added. */
  get hasRoom(): boolean {
    return this.#count < MAX_ENTRIES && this.#writers.size < MAX_WRITERS
  }

  /** @throws {DeadDropError} `storage-corrupt` when `block` is not an entry. */
  add({ hash, bytes }: StoredBlock): void {
    const parts = readEntryParts(bytes)
    if (parts === undefined)
      throw new DeadDropError('storage-corrupt', 'what is stored is not an entry')
    const out = this.#entryBytes
    out.varint(this.#writerOf(parts))
    out.varint(zigzag(parts.time - this.#time))
    this.#links(parts.next)
    this.#links(parts.refs)
    out.raw(parts.signature)
    out.varint(parts.value.byteLength)
    out.raw(parts.value)
    this.#time = parts.time
    this.#positions.set(hash, this.#count++)
  }

  bytes(): Uint8Array {
    const whole = new ByteList()
    whole.varint(this.#writers.size)
    whole.raw(this.#writerBytes.bytes())
    whole.varint(this.#count)
    whole.raw(this.#entryBytes.bytes())
    return whole.bytes()
  }

  #writerOf({ key, identity }: EntryParts): number {
    const name = key + identity
    const known = this.#writers.get(name)
    if (known !== undefined) return known
    const position = this.#writers.size
    this.#writers.set(name, position)
    this.#writerBytes.raw(hexToBytes(key))
    this.#writerBytes.raw(base64url.baseDecode(identity.slice(CERTIFICATE_PREFIX.length)))
    return position
  }

  #links(hashes: readonly string[]): void {
    const out = this.#entryBytes
    out.varint(hashes.length)
    for (const hash of hashes) {
      const position = this.#positions.get(hash)
      out.varint(position === undefined ? 0 : this.#count - position)
      if (position === undefined) out.raw(digestOfName(hash as EntryHash)) // the reader of the entry checked its form
    }
  }
}

/**
 * Undoes {@link EntryPacker}.
 *
 * @param init.hashOf - of the canonical bytes of an entry.
 * @throws {DeadDropError} `bytes-malformed` for anything that it would not write, within the bounds of an entry.
 */
export function unpackEntries(
  packed: Uint8Array,
  init: { readonly address: LogAddress; readonly hashOf: (bytes: Uint8Array) => EntryHash }
): readonly UnpackedEntry[] {
  const reader = new ByteReader(packed)
  const writerCount = reader.varint('number of writers', MAX_WRITERS)
  const writers: { readonly key: string; readonly identity: string }[] = []
  while (writers.length < writerCount) {
    const key = bytesToHex(reader.raw(KEY_BYTES))
    writers.push({ key, identity: encodeGateCertificate(reader.raw(SIGNATURE_BYTES)) })
  }
  const count = reader.varint('number of entries', MAX_ENTRIES)
  const entries: UnpackedEntry[] = []
  let time = 0
  const readLinks = (maxLinks: number): readonly EntryHash[] => {
    const links: EntryHash[] = []
    const length = reader.varint('number of links', maxLinks)
    while (links.length < length) {
      const back = reader.varint('distance of a link', entries.length)
      const near = back === 0 ? undefined : entries[entries.length - back]
      links.push(near?.hash ?? nameOfDigest(reader.raw(DIGEST_BYTES)))
    }
    if (new Set(links).size < length) throw malformed('links are not all different')
    return links
  }
  while (entries.length < count) {
    const writer = writers[reader.varint('writer', Math.max(0, writerCount - 1))]
    if (writer === undefined) throw malformed('an entry has no writer')
    time += unzigzag(reader.varint('difference of times', 2 * MAX_LAMPORT_TIME))
    if (time < 1 || time > MAX_LAMPORT_TIME)
      throw malformed(`time is not in 1..${MAX_LAMPORT_TIME}`)
    const next = readLinks(MAX_ENTRY_NEXT)
    const refs = readLinks(MAX_ENTRY_REFS)
    const signature = reader.raw(SIGNATURE_BYTES)
    const length = reader.varint('length of an envelope', MAX_SEALED_BYTES)
    if (length === 0) throw malformed('an envelope is empty')
    const value = reader.raw(length)
    const { bytes, parts } = writeEntryParts({
      id: init.address,
      ...writer,
      signature,
      time,
      next,
      refs,
      value
    })
    entries.push({ hash: init.hashOf(bytes), bytes, parts })
  }
  if (!reader.isAtEnd) throw malformed('there are bytes after the last one')
  return entries
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2
}

function malformed(why: string): DeadDropError {
  return new DeadDropError('bytes-malformed', `packed entries: ${why}`)
}

/** Bytes that grow. */
class ByteList {
  #bytes = new Uint8Array(1_024)
  byteLength = 0

  raw(bytes: Uint8Array): void {
    this.#makeRoom(bytes.byteLength)
    this.#bytes.set(bytes, this.byteLength)
    this.byteLength += bytes.byteLength
  }

  /** Unsigned LEB128. */
  varint(value: number): void {
    this.#makeRoom(8)
    let rest = value
    while (rest >= 128) {
      this.#bytes[this.byteLength++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.byteLength++] = rest
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.byteLength)
  }

  #makeRoom(length: number): void {
    const wanted = this.byteLength + length
    if (wanted <= this.#bytes.byteLength) return
    const grown = new Uint8Array(Math.max(wanted, 2 * this.#bytes.byteLength))
    grown.set(this.bytes())
    this.#bytes = grown
  }
}

class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength
  }

  /** A copy: what was read must not keep the whole frame. */
  raw(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.byteLength) throw malformed('bytes end too early')
    const bytes = new Uint8Array(this.#bytes.subarray(this.#at, end))
    this.#at = end
    return bytes
  }

  varint(subject: string, max: number): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw malformed('bytes end too early')
      value += (byte % 128) * factor
      if (byte < 128) {
        if (byte === 0 && factor > 1) throw malformed(`${subject} is not in its shortest form`)
        break
      }
      factor *= 128
      if (value > max || factor > Number.MAX_SAFE_INTEGER) break
    }
    if (value > max) throw malformed(`${subject} is not in 0..${max}`)
    return value
  }
}
