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
 * @param components.onHealed - called with the peer id after a stream was reopened, by us, by the other side or by
 *   gossipsub itself (it does when it is told of the connection late enough); what was published in between is
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
  /** The stream each peer had when last looked at: another one now means that there was a gap, whoever closed it. */
  const lastStreams = new Map<string, unknown>()
  let cancel: () => void = () => undefined

  function check(): void {
    for (const peerId of libp2p.getPeers()) {
      const id = peerId.toString()
      const stream = bookkeeping.streamsOutbound.get(id)
      if (stream !== undefined) {
        const lastStream = lastStreams.get(id)
        lastStreams.set(id, stream)
        if (lastStream !== undefined && lastStream !== stream) {
          onHealed(id)
        }
        continue
      }
      const connection = libp2p
        .getConnections(peerId)
        .find(({ status, limits }) => status === 'open' && limits === undefined)
      if (connection !== undefined && gossipPeers.has(id)) {
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
    () => {
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
      lastStreams.delete(peerId.toString())
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
