import { createBrowserReplica } from '#replica/create-replica.dom.ts'
import { createPeerConnectionBudget } from '#replica/network/peer-connection-budget.ts'
import { openIdbStore } from '#replica/storage/idb-store.dom.ts'
import type { Contender } from '../peer.ts'
import { createDeadDropContender, untilLinked } from './contender.ts'

const DIAL_TIMEOUT_MS = 30_000
const RETRY_MS = 500

/** DeadDrop in a page, on IndexedDB: over WebSockets to nodes, over WebRTC that is signalled through `nodes` to pages. */
export async function startDeadDrop(init: {
  readonly nodes: readonly string[]
}): Promise<Contender> {
  const store = await openIdbStore({ name: 'deaddrop' })
  const replica = await createBrowserReplica(
    { store, budget: createPeerConnectionBudget({}) },
    { allowDirect: true, wantedRelays: 1, nodes: init.nodes }
  )
  return createDeadDropContender({
    replica,
    addresses: () =>
      replica.network().multiaddrs.filter((text) => text.includes('/p2p-circuit/webrtc')),
    async dial(addresses) {
      const wanted = addresses[0]?.split('/').at(-1) ?? ''
      // A page dials through a node only once it is connected to it.
      await untilLinked(replica, ({ transport }) => transport === 'websocket')
      if (!addresses.some((text) => text.includes('/p2p-circuit'))) {
        replica.setNodes([...init.nodes, ...addresses])
        await untilLinked(replica, ({ peerId }) => peerId === wanted)
        return
      }
      const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS)
      // A dial that fails is tried again, as the app does: the replica refuses until its back-off is over.
      while (!(await replica.connectDirect(wanted, addresses, signal))) {
        if (signal.aborted) throw new Error('page got no direct connection')
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    },
    dispose: () => store.close()
  })
}
