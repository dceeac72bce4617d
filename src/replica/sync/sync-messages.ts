import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { decodeCanonical, encodeCanonical, readList, readMap, readText } from '#protocol/cbor.ts'
import type { CborValue } from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_SYNC_FRAME_BYTES } from '#protocol/limits.ts'
import { readEntryHash, readLogAddress } from '#protocol/log-manifest.ts'

/**
 * One frame of the sync protocol: canonical CBOR, but for `entries`, which is a byte that begins no CBOR map and then what
 * `EntryPacker` made. Both sides send `have`, then any number of `entries` (an empty one says "still looking"),
 * then `end`, and meanwhile one `ack` for each `entries` that they have dealt with; a responder that does not follow the log
 * sends `refuse` instead. Who hears `isFull` sends no entries.
 */
export type SyncMessage =
  | {
      readonly type: 'have'
      readonly address: LogAddress
      readonly heads: readonly EntryHash[]
      readonly ladder: readonly EntryHash[]
      readonly isFull: boolean
    }
  | { readonly type: 'entries'; readonly packed: Uint8Array }
  | { readonly type: 'ack' }
  | { readonly type: 'end' }
  | { readonly type: 'refuse' }

/** Most hashes in one list of a `have`: they must fit a frame. */
const MAX_HASHES = 1_024
const PACKED = 0x01
const MAX_TYPE_CHARACTERS = 16
const ADDRESS_CHARACTERS = 58
const HASH_CHARACTERS = 49

export function encodeSyncMessage(message: SyncMessage): Uint8Array {
  switch (message.type) {
    case 'have':
      return encodeCanonical({
        type: message.type,
        address: message.address,
        heads: message.heads,
        ladder: message.ladder,
        isFull: message.isFull
      })
    case 'entries': {
      const frame = new Uint8Array(1 + message.packed.byteLength)
      frame[0] = PACKED
      frame.set(message.packed, 1)
      return frame
    }
    case 'ack':
    case 'end':
    case 'refuse':
      return encodeCanonical({ type: message.type })
  }
}

/**
 * What is packed in `entries` is not looked at.
 *
 * @throws {DeadDropError} `bytes-malformed` or `bytes-too-large` for anything else than a {@link SyncMessage}.
 */
export function decodeSyncMessage(bytes: Uint8Array): SyncMessage {
  if (bytes[0] === PACKED && bytes.byteLength <= MAX_SYNC_FRAME_BYTES)
    return { type: 'entries', packed: bytes.subarray(1) }
  const value = decodeCanonical(bytes, MAX_SYNC_FRAME_BYTES)
  const outer = readMap(value, 'sync message', ['type'], ['address', 'heads', 'ladder', 'isFull'])
  const type = readText(outer['type'], 'type', MAX_TYPE_CHARACTERS)
  switch (type) {
    case 'have': {
      const map = readMap(value, 'have', ['type', 'address', 'heads', 'ladder', 'isFull'])
      const isFull = map['isFull']
      if (typeof isFull !== 'boolean')
        throw new DeadDropError('bytes-malformed', 'fullness of a log is not a boolean')
      return {
        type,
        address: readLogAddress(readText(map['address'], 'log address', ADDRESS_CHARACTERS)),
        heads: readList(map['heads'], 'heads', MAX_HASHES, readHash),
        ladder: readList(map['ladder'], 'ladder', MAX_HASHES, readHash),
        isFull
      }
    }
    case 'ack':
    case 'end':
    case 'refuse':
      readMap(value, type, ['type'])
      return { type }
    default:
      throw new DeadDropError('bytes-malformed', 'sync message has an unknown type')
  }
}

function readHash(item: CborValue, subject: string): EntryHash {
  return readEntryHash(readText(item, subject, HASH_CHARACTERS))
}
