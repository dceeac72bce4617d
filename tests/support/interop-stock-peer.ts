import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import * as dagCbor from '@ipld/dag-cbor'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB, useAccessController } from '@orbitdb/core'
import type { StockEvents } from '@orbitdb/core'
import { createHeliaLight } from 'helia'
import type { LogAddress } from '#protocol/brand.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { createSharedOptions } from '#replica/network/libp2p-options.ts'
import { createGateAccessController } from '#replica/orbitdb/stock-peer.ts'
import { createWriterIdentity } from '#replica/orbitdb/writer-identity.ts'
import { eventually } from './replica-peers.ts'
import { withTempDir } from './temp-dir.ts'

export interface StockPeer extends AsyncDisposable {
  readonly peerId: string
  connect(address: string): Promise<void>
  disconnect(): Promise<void>
  open(address: LogAddress): Promise<StockEvents>
  /** Begins a heads exchange and never ends it. */
  holdHeadsStream(address: LogAddress): Promise<void>
}

/**
 * @orbitdb/core 4.0.0 as it is published, on Helia with bitswap. Ours is what its own extension points take: the access
 * controller and the identity. Of libp2p it shares our gossip settings, without which peers drop each other's messages.
 */
export async function startStockPeer(writer: LogWriter): Promise<StockPeer> {
  const directory = await withTempDir()
  const ipfs = withBitswap(
    withLibp2pLight(createHeliaLight({ codecs: [dagCbor] }), {
      ...createSharedOptions({}),
      addresses: { listen: [] },
      transports: [webSockets()],
      connectionGater: { denyDialMultiaddr: () => false }
    })
  )
  await ipfs.start()
  const verifier = createSignatureVerifier()
  useAccessController(createGateAccessController({ verifier }))
  const orbitdb = await createOrbitDB({
    ipfs,
    identity: createWriterIdentity({ verifier, writer: () => writer }),
    identities: {},
    directory: directory.path
  })
  const { libp2p } = ipfs
  return {
    peerId: libp2p.peerId.toString(),
    async connect(address) {
      const { remotePeer } = await libp2p.dial(multiaddr(address))
      await eventually('gossip is up', () =>
        libp2p.services.pubsub.getPeers().some((peer) => peer.equals(remotePeer))
      )
    },
    async disconnect() {
      await Promise.all(libp2p.getConnections().map((connection) => connection.close()))
      await eventually('connections are closed', () => libp2p.getConnections().length === 0)
    },
    async open(address) {
      const log = await orbitdb.open(address)
      // Without a listener an error of its sync would end the process.
      log.events.on('error', () => undefined)
      return log
    },
    async holdHeadsStream(address) {
      const [connection] = libp2p.getConnections()
      await connection?.newStream(`/orbitdb/heads${address}`)
    },
    async [Symbol.asyncDispose]() {
      await orbitdb.stop()
      await ipfs.stop()
      await directory[Symbol.asyncDispose]()
    }
  }
}

/** Payloads as text, oldest first. */
export async function stockTextsOf(log: StockEvents): Promise<string[]> {
  const texts: string[] = []
  for await (const entry of log.iterator()) {
    const { value } = entry as { readonly value: unknown }
    texts.unshift(value instanceof Uint8Array ? new TextDecoder().decode(value) : '?')
  }
  return texts
}
