import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import * as dagCbor from '@ipld/dag-cbor'
import { gossipsub } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB, IPFSAccessController } from '@orbitdb/core'
import type { StockEntry, StockEvents } from '@orbitdb/core'
import { createHeliaLight } from 'helia'
import type { HeliaInit } from 'helia'
import type { Libp2pOptions } from 'libp2p'
import type { Contender, ContenderLog } from '../peer.ts'

const SETTLE_TIMEOUT_MS = 30_000
const POLL_MS = 25
const MAX_CONNECTIONS_PER_SECOND = 1_000

/**
 * OrbitDB 4.0.0 with all its defaults (storages, a pin for each entry, secp256k1 identity, access control, sync) over
 * Helia light with bitswap, which asks no public gateway or router and so favours it.
 *
 * The transports are those of the other side, so that the log is what is compared. Gossipsub and the
 * connection manager have their defaults, except that a lone writer may publish and that many peers may share one host.
 *
 * @param components.transport - addresses to listen on, transports, what they need.
 * @param init.directory - of OrbitDB's own stores: a folder, or the name of a database in a page.
 */
export async function startStockOrbitDB(
  components: {
    readonly blockstore: NonNullable<HeliaInit['blockstore']>
    readonly datastore: NonNullable<HeliaInit['datastore']>
    readonly transport: Pick<Libp2pOptions, 'addresses' | 'transports'>
    /** Whether another peer can dial this address. */
    readonly isDialable: (address: string) => boolean
    /** Called after everything above has stopped. */
    dispose(): Promise<void>
  },
  init: { readonly directory: string }
): Promise<Contender> {
  const { blockstore, datastore, transport, isDialable } = components
  const ipfs = withBitswap(
    withLibp2pLight(createHeliaLight({ blockstore, datastore, codecs: [dagCbor] }), {
      ...transport,
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      // The default refuses loopback addresses in pages.
      connectionGater: { denyDialMultiaddr: () => false },
      // All peers of a bench share one host, of which the default takes five connections a second.
      connectionManager: { inboundConnectionThreshold: MAX_CONNECTIONS_PER_SECOND },
      services: {
        identify: identify(),
        identifyPush: identifyPush(),
        ping: ping(),
        pubsub: gossipsub({
          allowPublishToZeroTopicPeers: true,
          // For the same reason: the default shuns whoever shares an address with ten others.
          scoreParams: { IPColocationFactorWeight: 0 }
        })
      }
    })
  )
  await ipfs.start()
  const { libp2p } = ipfs
  const orbitdb = await createOrbitDB({ ipfs, id: 'bench', directory: init.directory })
  let logs = 0

  return {
    async addresses() {
      const look = (): string[] => libp2p.getMultiaddrs().map(String).filter(isDialable)
      await until('an address', () => look().length > 0)
      return look()
    },
    async dial(addresses) {
      const connection = await libp2p.dial(addresses.map((text) => multiaddr(text)))
      if (connection.limits !== undefined) throw new Error('stock peer got a limited connection')
      // Its sync hears of a peer by gossip, once: a log that is opened before gossip is up may never be exchanged.
      await until('gossip', () =>
        libp2p.services.pubsub.getPeers().some((peer) => peer.equals(connection.remotePeer))
      )
    },
    async createLog() {
      const db = await orbitdb.open(`bench-${++logs}`, {
        type: 'events',
        // The default lets nobody write but the peer that made the log.
        AccessController: IPFSAccessController({ write: ['*'] })
      })
      return createStockLog(db, orbitdb.identity.publicKey)
    },
    openLog: async (token) => createStockLog(await orbitdb.open(token), orbitdb.identity.publicKey),
    async stop() {
      await orbitdb.stop()
      await ipfs.stop()
      await components.dispose()
    }
  }
}

function createStockLog(db: StockEvents, ownKey: string): ContenderLog {
  // Without a listener an error of its sync would end the process; what it lost shows as a missing entry.
  db.events.on('error', () => undefined)
  return {
    token: db.address.toString(),
    append: (payload) => db.add(payload),
    onReceived(listener) {
      db.events.on('update', ({ key, payload }) => {
        if (key !== ownKey && payload.value instanceof Uint8Array) listener(payload.value)
      })
    },
    async waitFor(hash, signal) {
      const updated = Promise.withResolvers<unknown>()
      const onUpdate = (entry: StockEntry): void => {
        if (entry.hash === hash) updated.resolve(entry)
      }
      signal.addEventListener(
        'abort',
        () => {
          updated.reject(new Error('the last entry did not come in time'))
        },
        { once: true }
      )
      db.events.on('update', onUpdate)
      try {
        // A head is joined after all its ancestors, and it may have been before we listened.
        const isHere = (await db.log.heads()).some((head) => head.hash === hash)
        if (!isHere) await updated.promise
      } finally {
        db.events.off('update', onUpdate)
      }
    },
    async count() {
      let count = 0
      const iterator = db.iterator()[Symbol.asyncIterator]()
      while ((await iterator.next()).done !== true) count++
      return count
    },
    async bytes() {
      let bytes = 0
      for await (const { hash } of db.iterator()) {
        bytes += (await db.log.storage.get(hash))?.byteLength ?? 0
      }
      return bytes
    },
    async newest(count) {
      const payloads: Uint8Array[] = []
      for await (const { value } of db.iterator({ amount: count })) {
        if (value instanceof Uint8Array) payloads.push(value)
      }
      return payloads
    }
  }
}

async function until(what: string, claim: () => boolean): Promise<void> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS
  while (!claim()) {
    if (performance.now() > deadline) throw new Error(`stock peer waited too long for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
