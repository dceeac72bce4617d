import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { webRTC } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { IDBBlockstore } from 'blockstore-idb'
import { IDBDatastore } from 'datastore-idb'
import type { Contender } from '../peer.ts'
import { startStockOrbitDB } from './stock-orbitdb.ts'

/** Stock OrbitDB in a page, on IndexedDB, over WebSockets to peers in Node, over WebRTC that is signalled through a relay to pages. */
export async function startStockPage(init: { readonly relay: string }): Promise<Contender> {
  const blockstore = new IDBBlockstore('stock/blocks')
  const datastore = new IDBDatastore('stock/data')
  await blockstore.open()
  await datastore.open()
  return startStockOrbitDB(
    {
      blockstore,
      datastore,
      transport: {
        addresses: { listen: [`${init.relay}/p2p-circuit`, '/webrtc'] },
        transports: [
          webSockets(),
          circuitRelayTransport(),
          webRTC({ rtcConfiguration: { iceServers: [] } })
        ]
      },
      isDialable: (address) => address.includes('/p2p-circuit/webrtc'),
      async dispose() {
        await blockstore.close()
        await datastore.close()
      }
    },
    { directory: 'stock/orbitdb' }
  )
}
