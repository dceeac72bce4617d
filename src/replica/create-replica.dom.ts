import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createReplica } from './create-replica.ts'
import type { ReplicaInit } from './create-replica.ts'
import { createSystemClock } from './network/clock.ts'
import { createBrowserPlatform } from './network/libp2p-options.dom.ts'
import type { BrowserPlatformInit } from './network/libp2p-options.dom.ts'
import type { PeerConnectionBudget } from './network/peer-connection-budget.ts'
import type { Replica } from './replica.ts'

/**
 * The replica of a page. One per browser profile may run on one store: the caller holds the lock that says so.
 *
 * @param components.budget - one for the whole page, also when the replica is restarted in it.
 * @see {@link createReplica}
 */
export function createBrowserReplica(
  components: { readonly store: KeyValueStore; readonly budget: PeerConnectionBudget },
  init: ReplicaInit & BrowserPlatformInit
): Promise<Replica> {
  return createReplica(
    {
      store: components.store,
      platform: createBrowserPlatform({ budget: components.budget }, init),
      verifier: createSignatureVerifier(),
      clock: createSystemClock(),
      random: Math.random,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length))
    },
    init
  )
}
