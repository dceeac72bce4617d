import { join } from 'node:path'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createClientPlatform, createDaemonPlatform } from '#replica/network/libp2p-options.node.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import type { Contender } from '../peer.ts'
import { createDeadDropContender, untilLinked } from './contender.ts'

/**
 * DeadDrop in Node, on Level, over WebSockets.
 *
 * @param init.isListening - as a pinning node; otherwise as a headless client.
 */
export async function startDeadDrop(init: {
  readonly directory: string
  readonly isListening: boolean
}): Promise<Contender> {
  const store = await openLevelStore({ directory: join(init.directory, 'store') })
  const platform = init.isListening ? createDaemonPlatform({}) : createClientPlatform({})
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
