import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { createClientPlatform } from '#replica/network/libp2p-options.node.ts'
import type { Replica } from '#replica/replica.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { createPinClient } from '#pinning/pin-client.ts'
import type { PinClient } from '#pinning/pin-client.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { until } from './network-peers.ts'

/** Alice, Bob or Carol without a conversation: a replica in memory that is connected to its nodes, and its pin client. */
export interface PinningClient extends AsyncDisposable {
  readonly replica: Replica
  readonly pins: PinClient
}

export async function startPinningClient(nodes: readonly string[]): Promise<PinningClient> {
  const store = createMemoryStore()
  const replica = await createNodeReplica(
    { store, clock: createSystemClock() },
    { platform: createClientPlatform({}), nodes }
  )
  await until('the client is connected to its nodes', () =>
    replica.network().nodes.every(({ state }) => state === 'connected')
  )
  return {
    replica,
    pins: createPinClient({
      replica,
      verifier: createSignatureVerifier(),
      randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length))
    }),
    async [Symbol.asyncDispose]() {
      await replica.stop()
      await store.close()
    }
  }
}
