import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { type Datastore, Key } from 'interface-datastore'
import { DeadDropError } from '#protocol/errors.ts'

const PEER_KEY = new Key('/deaddrop/peer-key')

/**
 * The Ed25519 key behind the peer id: read from `datastore`, or made and stored there on the first run.
 *
 * It authenticates the transport only and opens nothing, so it lies there in the clear, like libp2p's own keychain
 * without a password but without its key derivation at each start.
 *
 * @throws {DeadDropError} `storage-corrupt` when the stored bytes are not an Ed25519 key: a new identity must not
 *   replace a known one silently.
 */
export async function loadPeerKey(datastore: Datastore): Promise<Ed25519PrivateKey> {
  if (await datastore.has(PEER_KEY)) {
    return decodePeerKey(await datastore.get(PEER_KEY))
  }
  const key = await generateKeyPair('Ed25519')
  await datastore.put(PEER_KEY, privateKeyToProtobuf(key))
  return key
}

function decodePeerKey(bytes: Uint8Array): Ed25519PrivateKey {
  let type: string
  try {
    const key = privateKeyFromProtobuf(bytes)
    if (key.type === 'Ed25519') {
      return key
    }
    type = key.type
  } catch (cause) {
    throw new DeadDropError('storage-corrupt', 'stored peer key cannot be decoded', { cause })
  }
  throw new DeadDropError('storage-corrupt', `stored peer key is ${type}, expected Ed25519`)
}
