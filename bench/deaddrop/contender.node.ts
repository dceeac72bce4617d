import { join } from 'node:path'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import type { NetworkPlatform } from '#replica/network/network-platform.ts'
import { createSharedOptions } from '#replica/network/libp2p-options.ts'
import { createClientPlatform, createDaemonPlatform } from '#replica/network/libp2p-options.node.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import type { Contender } from '../peer.ts'
import { createDeadDropContender, untilLinked } from './contender.ts'

/**
 * DeadDrop in Node, on Level, over WebSockets.
 *
 * @param init.isListening - as a pinning node; otherwise as a headless client.
 * @param init.hasDefaultMesh - takes from a pinning node the gossip mesh for many subscribers.
 */
export async function startDeadDrop(init: {
  readonly directory: string
  readonly isListening: boolean
  readonly hasDefaultMesh: boolean
}): Promise<Contender> {
  const store = await openLevelStore({ directory: join(init.directory, 'store') })
  const platform = init.isListening
    ? withMesh(createDaemonPlatform({}), init)
    : createClientPlatform({})
  const replica = await createNodeReplica({ store }, { platform })
  return createDeadDropContender({
    replica,
    addresses: () => replica.network().multiaddrs,
    async dial(addresses) {
      replica.setNodes(addresses)
      await untilLinked(replica, ({ isLimited }) => !isLimited)
    },
    dispose: () => store.close()
  })
}

/** Clients have the mesh sizes that gossipsub comes with, so a node with the gossip of a client has them, too. */
function withMesh(
  platform: NetworkPlatform,
  { hasDefaultMesh }: { readonly hasDefaultMesh: boolean }
): NetworkPlatform {
  if (!hasDefaultMesh) return platform
  return {
    ...platform,
    async createLibp2pSetup() {
      const setup = await platform.createLibp2pSetup()
      const { services, ...options } = setup.options
      if (services === undefined) throw new Error('node has no gossip')
      const { pubsub } = createSharedOptions({}).services
      return { ...setup, options: { ...options, services: { ...services, pubsub } } }
    }
  }
}
