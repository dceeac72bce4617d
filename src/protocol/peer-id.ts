import { base58btc } from 'multiformats/bases/base58'

/**
 * Identity multihash (code 0x00, 36 bytes) of a libp2p `PublicKey` protobuf: field 1 `Type` = 1 (Ed25519), field 2
 * `Data` = 32 bytes. Every Ed25519 peer id begins with these six bytes, which base58 shows as `12D3KooW`.
 *
 * @see https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */
const ED25519_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const PUBLIC_KEY_BYTES = 32
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/

/**
 * The Ed25519 public key inside a peer id.
 *
 * @returns 32 bytes, or `undefined` when `peerId` is not the base58btc form of an Ed25519 peer id.
 */
export function publicKeyOfPeerId(peerId: string): Uint8Array | undefined {
  if (!PEER_ID.test(peerId)) return undefined
  let bytes: Uint8Array
  try {
    bytes = base58btc.baseDecode(peerId)
  } catch {
    return undefined
  }
  if (bytes.byteLength !== ED25519_PREFIX.byteLength + PUBLIC_KEY_BYTES) return undefined
  if (!ED25519_PREFIX.every((byte, i) => bytes[i] === byte)) return undefined
  return bytes.slice(ED25519_PREFIX.byteLength)
}
