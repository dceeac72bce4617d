import { MemoryBlockstore } from 'blockstore-core/memory'
import { MemoryDatastore } from 'datastore-core/memory'
import type { Datastore } from 'interface-datastore'
import { createSystemClock } from '#replica/network/clock.ts'
import { createNetwork, type Network } from '#replica/network/create-network.ts'
import {
  type ClientPlatformInit,
  createClientPlatform,
  createDaemonPlatform,
  type DaemonPlatformInit
} from '#replica/network/libp2p-options.node.ts'

export type DisposableNetwork = Network & AsyncDisposable

/** Pim: a pinning node's network on loopback. `datastore` keeps its identity across restarts. */
export function startDaemonNetwork(
  init: DaemonPlatformInit & { readonly datastore?: Datastore } = {}
): Promise<DisposableNetwork> {
  return startNetwork(createDaemonPlatform(init), [], init.datastore)
}

/** Alice, Bob or Carol: a headless client's network that stays connected to `nodes`. */
export function startClientNetwork(
  nodes: readonly string[],
  init: ClientPlatformInit & { readonly datastore?: Datastore } = {}
): Promise<DisposableNetwork> {
  return startNetwork(createClientPlatform(init), nodes, init.datastore)
}

async function startNetwork(
  platform: Parameters<typeof createNetwork>[0]['platform'],
  nodes: readonly string[],
  datastore: Datastore = new MemoryDatastore()
): Promise<DisposableNetwork> {
  const network = await createNetwork(
    {
      blockstore: new MemoryBlockstore(),
      datastore,
      platform,
      clock: createSystemClock(),
      random: Math.random
    },
    { nodes }
  )
  return { ...network, [Symbol.asyncDispose]: () => network.stop() }
}

/** The WebSocket address of a daemon, peer id included. */
export function addressOf(daemon: Network): string {
  const address = daemon.status().multiaddrs.find((text) => text.includes('/ws'))
  if (address === undefined) {
    throw new Error('daemon has no WebSocket address')
  }
  return address
}

/**
 * Polls `claim` until it gives something other than `false`, `null` or `undefined`.
 *
 * @throws after `timeoutMs`, naming `what` was waited for.
 */
export async function until<T>(
  what: string,
  claim: () => T | Promise<T>,
  timeoutMs = 15_000
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await claim()
    if (value !== false && value !== null && value !== undefined) {
      return value as Exclude<T, false | null | undefined>
    }
    if (performance.now() > deadline) {
      throw new Error(`gave up waiting: ${what}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Resolves once `client` has an unlimited connection to each of its configured nodes. */
export async function untilConnected(client: Network): Promise<void> {
  await until('client is connected to its nodes', () =>
    client.status().nodes.every(({ state }) => state === 'connected')
  )
}
