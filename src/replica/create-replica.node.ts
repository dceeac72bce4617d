import { hash, randomBytes } from 'node:crypto'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createReplica } from './create-replica.ts'
import type { ReplicaInit } from './create-replica.ts'
import { createSystemClock } from './network/clock.ts'
import type { Clock } from './network/clock.ts'
import type { NetworkPlatform } from './network/network-platform.ts'
import type { Replica } from './replica.ts'

/**
 * A replica in Node: a pinning node or a headless client, as `init.platform` says.
 *
 * @param components.clock - @default the system's
 * @see {@link createReplica}
 */
export function createNodeReplica(
  components: { readonly store: KeyValueStore; readonly clock?: Clock },
  init: ReplicaInit & { readonly platform: NetworkPlatform }
): Promise<Replica> {
  const { platform, ...rest } = init
  return createReplica(
    {
      store: components.store,
      platform,
      verifier: createSignatureVerifier(),
      sha256: (bytes) => hash('sha256', bytes, 'buffer'),
      clock: components.clock ?? createSystemClock(),
      random: Math.random,
      randomBytes
    },
    rest
  )
}
