import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import * as dagCbor from '@ipld/dag-cbor'
import type { Connection, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { concatBytes } from '@noble/hashes/utils.js'
import { MemoryDatastore } from 'datastore-core/memory'
import { createHeliaLight, type Router } from 'helia'
import type { Blockstore } from 'interface-blockstore'
import type { Datastore } from 'interface-datastore'
import { TypedEventEmitter } from 'main-event'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import type { EntryHash } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_ENTRY_BYTES } from '#protocol/limits.ts'
import type { NetworkStatus, Replica } from '../replica.ts'
import type { Clock } from './clock.ts'
import { createDirectDialer, type DirectLinks } from './direct-dialer.ts'
import { startGossipWatchdog } from './gossip-watchdog.ts'
import { DIAL_TIMEOUT_MS } from './libp2p-options.ts'
import { createLinkMonitor } from './link-monitor.ts'
import type { NetworkPlatform, NetworkServices } from './network-platform.ts'
import { createNodeLinks, type NodeDialer } from './node-links.ts'
import { loadPeerKey } from './peer-key.ts'
import { startRelayUpkeep } from './relay-upkeep.ts'
import { createRequestProtocol } from './request-protocol.ts'

/** Changes closer together than this are told once, ms. */
const CHANGE_COALESCE_MS = 50

/** Longest time that stopping may take, ms; a socket that hangs is left to the operating system. */
const STOP_TIMEOUT_MS = 5_000

/** Connections to nodes are closed last when libp2p makes room. Not a keep-alive tag: see `reconnectRetries`. */
const NODE_TAG = 'deaddrop-node'

export interface NetworkComponents {
  /** Raw blocks; the network serves what is in it to any peer that knows a CID. Closed by its owner. */
  readonly blockstore: Blockstore
  /** Holds the peer key. Closed by its owner. */
  readonly datastore: Datastore
  readonly platform: NetworkPlatform
  readonly clock: Clock
  /** Uniform in [0, 1); spreads reconnects, guards nothing. */
  readonly random: () => number
}

export interface NetworkInit {
  /** Nodes to stay connected to from the start. @default [] */
  readonly nodes?: readonly string[]
}

export interface NetworkEvents {
  /** Something in {@link NetworkStatus} changed; coalesced. */
  change: CustomEvent<NetworkStatus>
  /** Gossip to this peer was deaf and works again: what was published in between is lost, exchange heads. */
  'peer-healed': CustomEvent<{ readonly peerId: string }>
  /** The device woke up or {@link Network.wake} was called: run anti-entropy. */
  wake: CustomEvent<null>
}

/** A started Helia and libp2p peer with everything that keeps it connected. */
export interface Network extends Pick<
  Replica,
  | 'peerId'
  | 'setNodes'
  | 'wake'
  | 'connectDirect'
  | 'request'
  | 'handle'
  | 'requestCounters'
  | 'signAsPeer'
  | 'stop'
> {
  readonly libp2p: Libp2p<NetworkServices>
  status(): NetworkStatus
  /**
   * Gets a block from the store, or from whichever connected peer has it; it is in the store then.
   *
   * @throws {DeadDropError} `bytes-too-large` over `MAX_ENTRY_BYTES`: it is not kept. Or why nobody gave it in time.
   */
  fetchBlock(hash: EntryHash, signal: AbortSignal): Promise<Uint8Array>
  addEventListener<K extends keyof NetworkEvents>(
    type: K,
    listener: (event: NetworkEvents[K]) => void,
    options?: { signal?: AbortSignal }
  ): void
}

/**
 * Starts a peer. Its id stays the same as long as `datastore` lives.
 *
 * Nothing is dialled that was not named by {@link NetworkInit.nodes}, `setNodes` or `connectDirect`.
 *
 * @throws {DeadDropError} `node-address-malformed` for a bad address in `init.nodes`, `storage-corrupt` for a bad peer
 *   key, `internal` when a daemon cannot listen.
 */
export async function createNetwork(
  components: NetworkComponents,
  init: NetworkInit
): Promise<Network> {
  const { blockstore, datastore, platform, clock, random } = components
  const peerKey = await loadPeerKey(datastore)
  const setup = await platform.createLibp2pSetup()
  const helia = withBitswap(
    withLibp2pLight(
      createHeliaLight({
        blockstore,
        datastore,
        codecs: [dagCbor],
        routers: [createSilentRouter()]
      }),
      {
        ...setup.options,
        privateKey: peerKey,
        // The peer store would be a list of contacts on disk, and a relay tag from the last run makes libp2p dial a
        // node that is no longer configured. Nodes are configured, contacts come from the logs.
        datastore: new MemoryDatastore()
      }
    ),
    { runOnLimitedConnections: false }
  )
  const stopped = new AbortController()
  const stopHelia = async (): Promise<void> => {
    await Promise.race([
      helia.stop().catch(() => undefined),
      new Promise<void>((resolve) => {
        const cancel = clock.after(STOP_TIMEOUT_MS, resolve)
        stopped.signal.addEventListener('abort', cancel, { once: true })
      })
    ])
    stopped.abort()
  }
  try {
    await helia.start()
  } catch (error) {
    await stopHelia()
    if (error instanceof Error && error.name === 'UnsupportedListenAddressesError') {
      throw new DeadDropError('internal', 'cannot listen: is the port in use?', { cause: error })
    }
    throw error
  }
  const libp2p = helia.libp2p
  const events = new TypedEventEmitter<NetworkEvents>()
  let cancelChange: (() => void) | null = null

  // Peer ids that contacts sent may be any text: comparing does not throw, parsing would.
  function connectionsTo(peerId: string): readonly Connection[] {
    return libp2p.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peerId)
  }

  function isConnected(peerId: string): boolean {
    return connectionsTo(peerId).some(
      ({ status: state, limits }) => state === 'open' && limits === undefined
    )
  }

  function status(): NetworkStatus {
    return {
      peerId: libp2p.peerId.toString(),
      multiaddrs: libp2p.getMultiaddrs().map(String),
      peers: monitor.list(),
      nodes: nodeLinks.list(),
      isOnline: platform.isOnline()
    }
  }

  function announceChange(): void {
    cancelChange ??= clock.after(CHANGE_COALESCE_MS, () => {
      cancelChange = null
      events.safeDispatchEvent('change', { detail: status() })
    })
  }

  async function fetchBlock(hash: EntryHash, signal: AbortSignal): Promise<Uint8Array> {
    const cid = CID.parse(hash, base58btc)
    const parts: Uint8Array[] = []
    for await (const part of helia.blockstore.get(cid, { signal })) parts.push(part)
    const block = concatBytes(...parts)
    if (block.byteLength <= MAX_ENTRY_BYTES) return block
    // Not through Helia: its delete waits for every block that is still being asked for.
    await blockstore.delete(cid)
    throw new DeadDropError(
      'bytes-too-large',
      `block is ${String(block.byteLength)} bytes, allowed 0..${String(MAX_ENTRY_BYTES)}`
    )
  }

  const nodeDialer: NodeDialer = {
    isConnected,
    dial: async (address, signal) => {
      const connection = await libp2p.dial(address, { signal })
      return connection.remotePeer.toString()
    },
    retain: (peerId) => {
      // Fails only when the peer store is gone, that is when the node is stopping.
      libp2p.peerStore
        .merge(peerIdFromString(peerId), { tags: { [NODE_TAG]: { value: 100 } } })
        .catch(() => undefined)
    },
    release: (peerId) => {
      const id = peerIdFromString(peerId)
      libp2p.peerStore
        .merge(id, { tags: { [NODE_TAG]: undefined } })
        .then(() => libp2p.hangUp(id, { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) }))
        .catch(() => undefined)
    }
  }
  const directLinks: DirectLinks = {
    canDial: () => platform.canDialDirect(),
    isConnected,
    dial: async (addresses, signal) => {
      await libp2p.dial([...addresses], { signal })
    },
    closeLimited: (peerId) => {
      for (const connection of connectionsTo(peerId)) {
        if (connection.limits !== undefined) {
          connection.close().catch(() => undefined)
        }
      }
    }
  }

  const lifetime = new AbortController()
  const monitor = createLinkMonitor({ libp2p, clock, onChange: announceChange }, lifetime.signal)
  const nodeLinks = createNodeLinks(
    { dialer: nodeDialer, clock, random, onChange: announceChange },
    { dialTimeoutMs: DIAL_TIMEOUT_MS }
  )
  const directDialer = createDirectDialer({ links: directLinks, clock }, lifetime.signal)
  const requests = createRequestProtocol({ libp2p, isConnected }, lifetime.signal)
  startGossipWatchdog(
    {
      libp2p,
      clock,
      onHealed: (peerId) => {
        events.safeDispatchEvent('peer-healed', { detail: { peerId } })
      }
    },
    lifetime.signal
  )
  if (setup.reservations !== null) {
    const upkeep = startRelayUpkeep(
      { clock, reservations: setup.reservations, isConnected },
      lifetime.signal
    )
    libp2p.addEventListener(
      'peer:identify',
      ({ detail }) => {
        upkeep.onIdentified(detail.peerId, detail.protocols)
      },
      { signal: lifetime.signal }
    )
    libp2p.addEventListener(
      'peer:disconnect',
      ({ detail }) => {
        upkeep.onDisconnected(detail)
      },
      { signal: lifetime.signal }
    )
  }
  for (const type of ['connection:open', 'connection:close', 'peer:disconnect'] as const) {
    libp2p.addEventListener(
      type,
      () => {
        nodeLinks.onConnectionsChanged()
        announceChange()
      },
      { signal: lifetime.signal }
    )
  }
  libp2p.addEventListener('self:peer:update', announceChange, { signal: lifetime.signal })
  const wake = (): void => {
    if (lifetime.signal.aborted) {
      return
    }
    nodeLinks.wake()
    void monitor.probe()
    announceChange()
    events.safeDispatchEvent('wake', { detail: null })
  }
  platform.onWake(wake, lifetime.signal)
  platform.onOffline(announceChange, lifetime.signal)

  let stopping: Promise<void> | null = null
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      lifetime.abort()
      cancelChange?.()
      nodeLinks.stop()
      await stopHelia()
    })()
    return stopping
  }

  try {
    nodeLinks.set(init.nodes ?? [])
  } catch (error) {
    await stop()
    throw error
  }

  return {
    libp2p,
    peerId: libp2p.peerId.toString(),
    status,
    fetchBlock,
    requestCounters: () => requests.requestCounters(),
    setNodes: (multiaddrs) => {
      nodeLinks.set(multiaddrs)
    },
    wake,
    connectDirect: (peerId, multiaddrs, signal) => directDialer.connect(peerId, multiaddrs, signal),
    request: (peerId, protocol, message, options) =>
      requests.request(peerId, protocol, message, options),
    handle: (protocol, options, handler) => requests.handle(protocol, options, handler),
    signAsPeer: async (message) => peerKey.sign(message),
    addEventListener: (type, listener, options) => {
      events.addEventListener(type, listener, options)
    },
    stop
  }
}

/**
 * A router that finds nothing. Under this name Helia does not add libp2p's own, which would start a provider search for
 * each missing block; and without any content router `blockstore.delete` throws.
 */
function createSilentRouter(): Router {
  return {
    name: 'libp2p-router',
    findProviders: async function* () {
      // Nobody is asked who has a block: peers of the same log have it.
    },
    provide: async () => undefined,
    cancelReprovide: async () => undefined
  }
}
