import type { EntryHash } from '#protocol/brand.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import type { Clock } from '#replica/network/clock.ts'
import { createNetwork } from '#replica/network/create-network.ts'
import type { Network } from '#replica/network/create-network.ts'
import { createClientPlatform, createDaemonPlatform } from '#replica/network/libp2p-options.node.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { StoreBlockstore } from '#replica/storage/store-blockstore.ts'
import { StoreDatastore } from '#replica/storage/store-datastore.ts'
import { createLogEngine } from '#replica/sync/create-log-engine.ts'
import type { LogEngine, LogEngineInit } from '#replica/sync/create-log-engine.ts'
import { openText } from './replica-gate.ts'

/** A replica in parts, so that a test may cut the network under the engine. */
export interface ReplicaPeer extends AsyncDisposable {
  readonly network: Network
  readonly engine: LogEngine
  readonly store: KeyValueStore
  readonly address: string
  /** As a crash would: nothing is closed in order except what holds sockets. */
  stop(): Promise<void>
}

export interface ReplicaPeerInit extends LogEngineInit {
  readonly store?: KeyValueStore
  /** Of the engine; the network keeps the system's. */
  readonly clock?: Clock
  readonly nodes?: readonly string[]
  /** Listens on nothing, like a page. @default false */
  readonly isClient?: boolean
}

/** Starts the real thing on loopback. Anti-entropy is off unless asked for, so that a test sees what else delivers. */
export async function startReplicaPeer(init: ReplicaPeerInit = {}): Promise<ReplicaPeer> {
  const store = init.store ?? createMemoryStore()
  const clock = createSystemClock()
  const network = await createNetwork(
    {
      blockstore: new StoreBlockstore(store),
      datastore: new StoreDatastore(store),
      platform: init.isClient === true ? createClientPlatform({}) : createDaemonPlatform({}),
      clock,
      random: Math.random
    },
    { nodes: init.nodes ?? [] }
  )
  const engine = await createLogEngine(
    {
      store,
      libp2p: network.libp2p,
      verifier: createSignatureVerifier(),
      clock: init.clock ?? clock,
      random: Math.random,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      fetchBlock: (...args) => network.fetchBlock(...args)
    },
    { ...init, antiEntropyMs: init.antiEntropyMs ?? 3_600_000 }
  )
  const stop = async (): Promise<void> => {
    await engine.stop()
    await network.stop()
  }
  return {
    network,
    engine,
    store,
    address: network.status().multiaddrs[0] ?? '',
    stop,
    [Symbol.asyncDispose]: stop
  }
}

/** Dials `to`, and resolves when gossip between the two is up. */
export async function connect(from: ReplicaPeer, to: ReplicaPeer): Promise<void> {
  from.network.setNodes([
    ...from.network.status().nodes.map(({ multiaddr }) => multiaddr),
    to.address
  ])
  await eventually('gossip is up', () => isGossiping(from, to) && isGossiping(to, from))
}

export async function disconnect(from: ReplicaPeer, to: ReplicaPeer): Promise<void> {
  from.network.setNodes([])
  await eventually('connection is closed', () =>
    [from, to].every(({ network }) =>
      network.libp2p.getConnections().every((one) => !isBetween(one, from, to))
    )
  )
}

/** Polls `claim`; the only way in which these tests wait. */
export async function eventually(
  what: string,
  claim: () => boolean | Promise<boolean>,
  timeoutMs = 20_000
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await claim())) {
    if (performance.now() > deadline) throw new Error(`gave up waiting: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Texts of a log in the order that all devices agree on. */
export async function textsOf(log: SealedLog): Promise<string[]> {
  const entries: { time: number; hash: EntryHash; text: string }[] = []
  for await (const { time, hash, sealed } of log.entries())
    entries.push({ time, hash, text: openText(sealed) })
  entries.sort((a, b) => a.time - b.time || (a.hash < b.hash ? -1 : 1))
  return entries.map(({ text }) => text)
}

export async function eventuallyHas(
  log: SealedLog,
  count: number,
  timeoutMs?: number
): Promise<void> {
  await eventually(`log has ${String(count)} entries`, () => log.size().entries >= count, timeoutMs)
}

function isGossiping(from: ReplicaPeer, to: ReplicaPeer): boolean {
  return from.network.libp2p.services.pubsub
    .getPeers()
    .some((peer) => peer.toString() === to.network.peerId)
}

function isBetween(
  connection: { readonly remotePeer: { toString(): string } },
  from: ReplicaPeer,
  to: ReplicaPeer
): boolean {
  return [from.network.peerId, to.network.peerId].includes(connection.remotePeer.toString())
}
