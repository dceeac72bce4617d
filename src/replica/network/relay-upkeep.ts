import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { PeerId } from '@libp2p/interface'
import type { Clock } from './clock.ts'
import type { RelayReservations } from './network-platform.ts'

const CHECK_INTERVAL_MS = 15_000

/** libp2p asks a relay itself as soon as it is identified; we ask only when that did not help. */
const SETTLE_MS = 1_000

/** Keeps `/p2p-circuit` addresses alive. */
export interface RelayUpkeep {
  /** To be called when a peer told which protocols it speaks. */
  onIdentified(peer: PeerId, protocols: readonly string[]): void
  /** To be called when the last connection to a peer is gone. */
  onDisconnected(peer: PeerId): void
}

/**
 * Asks connected relays for the reservations that are missing: a request that was refused or met a dying connection is
 * not repeated by libp2p.
 *
 * @param components.isConnected - whether an unlimited connection to the peer is open.
 */
export function startRelayUpkeep(
  components: {
    readonly clock: Clock
    readonly reservations: RelayReservations
    readonly isConnected: (peerId: string) => boolean
  },
  stopped: AbortSignal
): RelayUpkeep {
  const { clock, reservations, isConnected } = components
  const relays = new Map<string, PeerId>()
  let cancel: () => void = () => undefined

  function scheduleCheck(delayMs: number): void {
    cancel()
    cancel = clock.after(delayMs, () => {
      scheduleCheck(CHECK_INTERVAL_MS)
      for (const [peerId, relay] of relays) {
        if (isConnected(peerId) && !reservations.has(relay)) {
          // A refusal (no room, or we have enough) is tried again at the next check.
          reservations.reserve(relay).catch(() => undefined)
        }
      }
    })
  }

  stopped.addEventListener(
    'abort',
    () => {
      cancel()
    },
    { once: true }
  )
  scheduleCheck(CHECK_INTERVAL_MS)

  return {
    onIdentified: (peer, protocols) => {
      if (!stopped.aborted && protocols.includes(RELAY_V2_HOP_CODEC)) {
        relays.set(peer.toString(), peer)
        scheduleCheck(SETTLE_MS)
      }
    },
    onDisconnected: (peer) => {
      relays.delete(peer.toString())
    }
  }
}
