import { join } from 'node:path'
import { webSockets } from '@libp2p/websockets'
import { LevelBlockstore } from 'blockstore-level'
import { LevelDatastore } from 'datastore-level'
import type { Contender } from '../peer.ts'
import { startStockOrbitDB } from './stock-orbitdb.ts'

/** Stock OrbitDB in Node, on Level, over WebSockets. */
export async function startStockNode(init: {
  readonly directory: string
  readonly isListening: boolean
}): Promise<Contender> {
  const blockstore = new LevelBlockstore(join(init.directory, 'blocks'))
  const datastore = new LevelDatastore(join(init.directory, 'data'))
  await blockstore.open()
  await datastore.open()
  return startStockOrbitDB(
    {
      blockstore,
      datastore,
      transport: {
        addresses: { listen: init.isListening ? ['/ip4/127.0.0.1/tcp/0/ws'] : [] },
        transports: [webSockets()]
      },
      isDialable: () => true,
      async dispose() {
        await blockstore.close()
        await datastore.close()
      }
    },
    { directory: join(init.directory, 'orbitdb') }
  )
}
