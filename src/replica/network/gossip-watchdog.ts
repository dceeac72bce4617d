import type { GossipSub } from '@libp2p/gossipsub'
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { Clock } from './clock.ts'
import type { NetworkServices } from './network-platform.ts'

const CHECK_INTERVAL_MS = 10_000

/** Gives gossipsub time to open its own stream on a new connection before we call it deaf. */
const SETTLE_MS = 250

/** The bookkeeping of gossipsub that its declared type hides. */
interface StreamBookkeeping {
  readonly streamsOutbound: ReadonlyMap<string, unknown>
  onPeerConnected(peerId: PeerId, connection: Connection): void
}

/**
 * Reopens gossip towards peers that gossipsub has lost while they were still connected.
 *
 * Gossipsub opens one stream per peer, on the first connection. When that connection closes and another stays (the
 * relayed one ends once the direct one stands), the stream is evicted, nothing reopens it, and no `peer:disconnect`
 * tells anybody: messages to that peer go nowhere from then on (libp2p/js-libp2p#3531).
 *
 * @param components.onHealed - called with the peer id after a stream was reopened; what was published in between is
 *   lost, so the logs shared with that peer want a heads exchange.
 */
export function startGossipWatchdog(
  components: {
    readonly libp2p: Libp2p<NetworkServices>
    readonly clock: Clock
    readonly onHealed: (peerId: string) => void
  },
  stopped: AbortSignal
): void {
  const { libp2p, clock, onHealed } = components
  const pubsub = libp2p.services.pubsub
  if (!hasStreamBookkeeping(pubsub)) {
    throw new Error(
      'gossipsub has no streamsOutbound and onPeerConnected: @libp2p/gossipsub changed'
    )
  }
  const bookkeeping: StreamBookkeeping = pubsub
  const gossipPeers = new Set<string>()
  const suspects = new Set<string>()
  let cancel: () => void = () => undefined

  function check(): void {
    for (const peerId of libp2p.getPeers()) {
      const id = peerId.toString()
      if (bookkeeping.streamsOutbound.has(id)) {
        gossipPeers.add(id)
        if (suspects.delete(id)) {
          onHealed(id)
        }
        continue
      }
      const connection = libp2p
        .getConnections(peerId)
        .find(({ status, limits }) => status === 'open' && limits === undefined)
      if (connection !== undefined && gossipPeers.has(id)) {
        suspects.add(id)
        bookkeeping.onPeerConnected(peerId, connection)
        scheduleCheck(SETTLE_MS)
      }
    }
  }

  function scheduleCheck(delayMs: number): void {
    cancel()
    cancel = clock.after(delayMs, () => {
      scheduleCheck(CHECK_INTERVAL_MS)
      check()
    })
  }

  libp2p.addEventListener(
    'connection:close',
    ({ detail: { remotePeer } }) => {
      const id = remotePeer.toString()
      if (gossipPeers.has(id) && !bookkeeping.streamsOutbound.has(id)) {
        // Gossipsub may still heal itself, when the connection that is left is so new that it was not yet told of it;
        // what was published until then is lost all the same.
        suspects.add(id)
      }
      scheduleCheck(SETTLE_MS)
    },
    { signal: stopped }
  )
  libp2p.addEventListener(
    'peer:identify',
    ({ detail }) => {
      if (detail.protocols.some((protocol) => pubsub.protocols.includes(protocol))) {
        gossipPeers.add(detail.peerId.toString())
        scheduleCheck(SETTLE_MS)
      }
    },
    { signal: stopped }
  )
  libp2p.addEventListener(
    'peer:disconnect',
    ({ detail: peerId }) => {
      gossipPeers.delete(peerId.toString())
      suspects.delete(peerId.toString())
    },
    { signal: stopped }
  )
  stopped.addEventListener(
    'abort',
    () => {
      cancel()
    },
    { once: true }
  )
  scheduleCheck(CHECK_INTERVAL_MS)
}

function hasStreamBookkeeping(pubsub: GossipSub): pubsub is GossipSub & StreamBookkeeping {
  return (
    'streamsOutbound' in pubsub &&
    pubsub.streamsOutbound instanceof Map &&
    'onPeerConnected' in pubsub &&
    typeof pubsub.onPeerConnected === 'function'
  )
}
