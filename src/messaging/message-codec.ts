import type { PlainBytes } from '#protocol/brand.ts'
import type { CborValue } from '#protocol/cbor.ts'
import {
  decodeCanonical,
  encodeCanonical,
  readBytes,
  readInteger,
  readList,
  readMap,
  readText
} from '#protocol/cbor.ts'
import { isDisplayName } from '#protocol/display-name.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_RECEIPT_IDS, MAX_SEALED_BYTES, MAX_TEXT_BYTES } from '#protocol/limits.ts'
import { MESSAGE_ID_BYTES, messageIdFromBytes, messageIdToBytes } from './message-id.ts'

/** A text that somebody wrote. */
export interface TextContent {
  readonly kind: 'text'
  /** Lower-case hex, 32 characters. */
  readonly id: string
  /** The author's clock, Unix ms. */
  readonly sentAtMs: number
  /** NFC, 1..{@link MAX_TEXT_BYTES} UTF-8 bytes. */
  readonly text: string
}

/** "My device has these" and "I saw these". A read message is delivered too and need not be named twice. */
export interface ReceiptContent {
  readonly kind: 'receipt'
  /** Message ids; both lists together hold 1..{@link MAX_RECEIPT_IDS}. */
  readonly delivered: readonly string[]
  readonly read: readonly string[]
  /** The receiving device's clock, Unix ms. */
  readonly atMs: number
}

/** How the author wants to be called. */
export interface ProfileContent {
  readonly kind: 'profile'
  /** In the form of `readDisplayName`. */
  readonly name: string
}

/** Written by a later version. Never shown, kept whole: an entry opens once, so what is thrown away is gone. */
export interface UnknownContent {
  readonly kind: 'unknown'
  readonly type: string
  readonly version: number
  /** The encoding as it was sealed; a later version reads it. */
  readonly bytes: PlainBytes
}

export type Content = TextContent | ReceiptContent | ProfileContent | UnknownContent

export type DecodedContent = Content | { readonly kind: 'malformed'; readonly reason: string }

/** A field that is added or changes its meaning raises the version of its type: old readers then keep what they cannot read. */
const VERSION = 1
const MAX_VERSION = 65_535
const MAX_TYPE_CHARACTERS = 16

/** Largest time that a `Date` can hold, ms. */
export const MAX_TIME_MS = 8.64e15

const encoder = new TextEncoder()

/**
 * Encodes what goes inside the seal: canonical CBOR `[type, version, fields]`.
 *
 * @throws {DeadDropError} `internal` when `content` breaks a bound of its type: callers compose within the bounds.
 */
export function encodeContent(content: Content): PlainBytes {
  if (content.kind === 'unknown') return content.bytes
  // The cast is to the brand: this is the one place that makes encoded messages.
  const plain = encodeCanonical([...fieldsOf(content)]) as PlainBytes
  const decoded = decodeContent(plain)
  if (decoded.kind === 'malformed') {
    throw new DeadDropError(
      'internal',
      `content of kind ${content.kind} does not read back: ${decoded.reason}`
    )
  }
  return plain
}

/** Decodes what came out of the seal. Never throws: a member may be hostile too. */
export function decodeContent(plain: PlainBytes): DecodedContent {
  try {
    return readContent(decodeCanonical(plain, MAX_SEALED_BYTES), plain)
  } catch (error) {
    if (error instanceof DeadDropError) return { kind: 'malformed', reason: error.message }
    throw error
  }
}

function fieldsOf(content: Exclude<Content, UnknownContent>): readonly [string, number, CborValue] {
  switch (content.kind) {
    case 'text':
      return [
        'm',
        VERSION,
        { id: messageIdToBytes(content.id), ts: content.sentAtMs, body: content.text }
      ]
    case 'receipt':
      return [
        'c',
        VERSION,
        {
          delivered: content.delivered.map(messageIdToBytes),
          read: content.read.map(messageIdToBytes),
          at: content.atMs
        }
      ]
    case 'profile':
      return ['p', VERSION, { name: content.name }]
  }
}

function readContent(value: CborValue, plain: PlainBytes): Content {
  const [type, version, fields] = readList(value, 'content', 3, (item) => item)
  const typeName = readText(type, 'content type', MAX_TYPE_CHARACTERS)
  const versionNumber = readInteger(version, 'content version', 1, MAX_VERSION)
  const read = readers.get(typeName)
  if (read === undefined || versionNumber !== VERSION) {
    return { kind: 'unknown', type: typeName, version: versionNumber, bytes: plain }
  }
  return read(fields)
}

const readers: ReadonlyMap<string, (fields: CborValue | undefined) => Content> = new Map<
  string,
  (fields: CborValue | undefined) => Content
>([
  ['m', readTextContent],
  ['c', readReceiptContent],
  ['p', readProfileContent]
])

function readTextContent(fields: CborValue | undefined): TextContent {
  const map = readMap(fields, 'text', ['id', 'ts', 'body'])
  const text = readText(map['body'], 'text body', MAX_TEXT_BYTES)
  const bytes = encoder.encode(text).byteLength
  if (bytes < 1 || bytes > MAX_TEXT_BYTES) {
    throw new DeadDropError(
      'bytes-malformed',
      `text body is ${bytes} bytes, allowed 1..${MAX_TEXT_BYTES}`
    )
  }
  return {
    kind: 'text',
    id: messageIdFromBytes(readBytes(map['id'], 'text id', MESSAGE_ID_BYTES)),
    sentAtMs: readInteger(map['ts'], 'text time', 0, MAX_TIME_MS),
    text
  }
}

function readReceiptContent(fields: CborValue | undefined): ReceiptContent {
  const map = readMap(fields, 'receipt', ['delivered', 'read', 'at'])
  const delivered = readList(map['delivered'], 'delivered ids', MAX_RECEIPT_IDS, readId)
  const read = readList(map['read'], 'read ids', MAX_RECEIPT_IDS, readId)
  const count = delivered.length + read.length
  if (count < 1 || count > MAX_RECEIPT_IDS) {
    throw new DeadDropError(
      'bytes-malformed',
      `receipt names ${count} messages, allowed 1..${MAX_RECEIPT_IDS}`
    )
  }
  return {
    kind: 'receipt',
    delivered,
    read,
    atMs: readInteger(map['at'], 'receipt time', 0, MAX_TIME_MS)
  }
}

function readProfileContent(fields: CborValue | undefined): ProfileContent {
  const map = readMap(fields, 'profile', ['name'])
  const name = map['name']
  if (typeof name !== 'string' || !isDisplayName(name)) {
    throw new DeadDropError('bytes-malformed', 'profile name is not a name in normal form')
  }
  return { kind: 'profile', name }
}

function readId(item: CborValue, subject: string): string {
  return messageIdFromBytes(readBytes(item, subject, MESSAGE_ID_BYTES))
}
