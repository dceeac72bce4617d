import type { PlainBytes } from '#protocol/brand.ts'
import {
  decodeCanonical,
  encodeCanonical,
  readInteger,
  readList,
  readMap,
  readText
} from '#protocol/cbor.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_LIVE_FRAME_BYTES } from '#protocol/limits.ts'
import { MAX_TIME_MS } from './message-codec.ts'

/** "I am here, and this is how to reach me": told to members who listen now, never stored. */
export interface Presence {
  readonly kind: 'presence'
  readonly peerId: string
  /** At most {@link MAX_PRESENCE_ADDRESSES}, best first. Claims of a member: dial them only within the connection policy. */
  readonly multiaddrs: readonly string[]
  /** The sender has just come and asks the others to say where they are. An answer never asks back. */
  readonly wantsAnswer: boolean
  /** The sender's clock, Unix ms. */
  readonly atMs: number
  /** Grows with every frame of one device, across restarts too: an older one is a replay. */
  readonly counter: number
}

export type LiveContent = Presence

export type DecodedLive =
  | LiveContent
  | { readonly kind: 'unknown'; readonly type: string; readonly version: number }
  | { readonly kind: 'malformed'; readonly reason: string }

/** Most addresses in one presence. With the longest addresses and the seal it stays under {@link MAX_LIVE_FRAME_BYTES}. */
export const MAX_PRESENCE_ADDRESSES = 8

/** Longest address in a presence, characters. A relayed WebRTC address with certificate hashes has about 230. */
export const MAX_PRESENCE_ADDRESS_CHARACTERS = 384

const MAX_PEER_ID_CHARACTERS = 128
const VERSION = 1
const MAX_VERSION = 65_535
const MAX_TYPE_CHARACTERS = 16

/**
 * Encodes a live frame: canonical CBOR `[type, version, fields]`. Addresses over the bounds are left out, the first ones stay.
 *
 * @throws {DeadDropError} `internal` when another field breaks its bound.
 */
export function encodeLive(content: LiveContent): PlainBytes {
  const multiaddrs = content.multiaddrs
    .filter((address) => address.length <= MAX_PRESENCE_ADDRESS_CHARACTERS)
    .slice(0, MAX_PRESENCE_ADDRESSES)
  // The cast is to the brand: what goes into `sealLive` is made here only.
  const plain = encodeCanonical([
    'presence',
    VERSION,
    {
      peer: content.peerId,
      addrs: multiaddrs,
      ask: content.wantsAnswer,
      at: content.atMs,
      n: content.counter
    }
  ]) as PlainBytes
  const decoded = decodeLive(plain)
  if (decoded.kind === 'malformed') {
    throw new DeadDropError('internal', `presence does not read back: ${decoded.reason}`)
  }
  return plain
}

/** Decodes a live frame of a member. Never throws. */
export function decodeLive(plain: PlainBytes): DecodedLive {
  try {
    const [type, version, fields] = readList(
      decodeCanonical(plain, MAX_LIVE_FRAME_BYTES),
      'live frame',
      3,
      (item) => item
    )
    const typeName = readText(type, 'live type', MAX_TYPE_CHARACTERS)
    const versionNumber = readInteger(version, 'live version', 1, MAX_VERSION)
    if (typeName !== 'presence' || versionNumber !== VERSION) {
      return { kind: 'unknown', type: typeName, version: versionNumber }
    }
    const map = readMap(fields, 'presence', ['peer', 'addrs', 'ask', 'at', 'n'])
    const wantsAnswer = map['ask']
    if (typeof wantsAnswer !== 'boolean') {
      throw new DeadDropError('bytes-malformed', 'presence question is not a boolean')
    }
    return {
      kind: 'presence',
      peerId: readText(map['peer'], 'presence peer id', MAX_PEER_ID_CHARACTERS),
      multiaddrs: readList(
        map['addrs'],
        'presence addresses',
        MAX_PRESENCE_ADDRESSES,
        (item, subject) => readText(item, subject, MAX_PRESENCE_ADDRESS_CHARACTERS)
      ),
      wantsAnswer,
      atMs: readInteger(map['at'], 'presence time', 0, MAX_TIME_MS),
      counter: readInteger(map['n'], 'presence counter', 0, Number.MAX_SAFE_INTEGER)
    }
  } catch (error) {
    if (error instanceof DeadDropError) return { kind: 'malformed', reason: error.message }
    throw error
  }
}
