import { TypedEventEmitter } from 'main-event'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import type { Clock } from './network/clock.ts'
import { createNetwork } from './network/create-network.ts'
import type { NetworkPlatform } from './network/network-platform.ts'
import type { Replica, ReplicaEvents } from './replica.ts'
import type { Sha256 } from './orbitdb/entry-hash.ts'
import { StoreBlockstore } from './storage/store-blockstore.ts'
import { StoreDatastore } from './storage/store-datastore.ts'
import { createLogEngine } from './sync/create-log-engine.ts'
import type { LogEngineInit } from './sync/create-log-engine.ts'

export interface ReplicaComponents {
  /** Holds entries, indexes and the peer key. Closed by its owner, after {@link Replica.stop}. */
  readonly store: KeyValueStore
  readonly platform: NetworkPlatform
  readonly verifier: SignatureVerifier
  /** @default in script, where the platform has no synchronous one */
  readonly sha256?: Sha256
  readonly clock: Clock
  /** Uniform in [0, 1); spreads timers, guards nothing. */
  readonly random: () => number
  readonly randomBytes: (length: number) => Uint8Array
}

export interface ReplicaInit extends LogEngineInit {
  /** Nodes to stay connected to from the start. @default [] */
  readonly nodes?: readonly string[]
}

/**
 * Starts a replica. Its peer id stays the same as long as the store lives.
 *
 * @throws {DeadDropError} `node-address-malformed` for a bad address in `init.nodes`, `storage-corrupt` for a bad peer key.
 */
export async function createReplica(
  components: ReplicaComponents,
  init: ReplicaInit = {}
): Promise<Replica> {
  const { store, platform, verifier, clock, random, randomBytes } = components
  const network = await createNetwork(
    {
      blockstore: new StoreBlockstore(store),
      datastore: new StoreDatastore(store),
      platform,
      clock,
      random
    },
    init.nodes === undefined ? {} : { nodes: init.nodes }
  )
  const engine = await createLogEngine(
    {
      store,
      libp2p: network.libp2p,
      verifier,
      ...(components.sha256 === undefined ? {} : { sha256: components.sha256 }),
      clock,
      random,
      randomBytes,
      fetchBlock: (...args) => network.fetchBlock(...args)
    },
    init
  ).catch(async (error: unknown) => {
    await network.stop()
    throw error
  })
  const events = new TypedEventEmitter<ReplicaEvents>()
  const stopped = new AbortController()
  const { signal } = stopped
  network.addEventListener(
    'change',
    ({ detail }) => {
      events.safeDispatchEvent('network', { detail })
    },
    { signal }
  )
  network.addEventListener(
    'wake',
    () => {
      engine.wake()
    },
    { signal }
  )
  network.addEventListener(
    'peer-healed',
    ({ detail }) => {
      engine.syncWithPeer(detail.peerId)
    },
    { signal }
  )

  let stopping: Promise<void> | undefined
  return {
    peerId: network.peerId,
    open: (...args) => engine.open(...args),
    forget: (...args) => engine.forget(...args),
    get: (...args) => engine.get(...args),
    hold: (...args) => engine.hold(...args),
    useHeld: (...args) => engine.useHeld(...args),
    sync: (...args) => engine.sync(...args),
    waitFor: (...args) => engine.waitFor(...args),
    network: () => network.status(),
    setNodes: (...args) => {
      network.setNodes(...args)
    },
    wake: () => {
      network.wake()
    },
    connectDirect: (...args) => network.connectDirect(...args),
    request: (...args) => network.request(...args),
    handle: (...args) => network.handle(...args),
    requestCounters: () => network.requestCounters(),
    signAsPeer: (...args) => network.signAsPeer(...args),
    addEventListener: (type, listener, options) => {
      events.addEventListener(type, listener, options)
    },
    stop() {
      stopping ??= (async () => {
        stopped.abort()
        await engine.stop()
        await network.stop()
      })()
      return stopping
    }
  }
}
