import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { Libp2p, PeerId } from '@libp2p/interface'
import type { Clock } from './clock.ts'
import type { NetworkServices, RelayReservations } from './network-platform.ts'

const CHECK_INTERVAL_MS = 15_000

/** libp2p asks a relay itself as soon as it is identified; we ask only when that did not help. */
const SETTLE_MS = 1_000

/**
 * Asks connected relays for the reservations that are missing, so that our `/p2p-circuit` addresses come back after a
 * drop.
 */
export function startRelayUpkeep(
  components: {
    readonly libp2p: Libp2p<NetworkServices>
    readonly clock: Clock
    readonly reservations: RelayReservations
  },
  stopped: AbortSignal
): void {
  const { libp2p, clock, reservations } = components
  const relays = new Map<string, PeerId>()
  let cancel: () => void = () => undefined

  function scheduleCheck(delayMs: number): void {
    cancel()
    cancel = clock.after(delayMs, () => {
      scheduleCheck(CHECK_INTERVAL_MS)
      for (const relay of relays.values()) {
        const isConnected = libp2p
          .getConnections(relay)
          .some(({ status, limits }) => status === 'open' && limits === undefined)
        if (isConnected && !reservations.has(relay)) {
          // A refusal (no room, or we have enough) is tried again at the next check.
          reservations.reserve(relay).catch(() => undefined)
        }
      }
    })
  }

  libp2p.addEventListener(
    'peer:identify',
    ({ detail }) => {
      if (detail.protocols.includes(RELAY_V2_HOP_CODEC)) {
        relays.set(detail.peerId.toString(), detail.peerId)
        scheduleCheck(SETTLE_MS)
      }
    },
    { signal: stopped }
  )
  libp2p.addEventListener(
    'peer:disconnect',
    ({ detail: peerId }) => {
      relays.delete(peerId.toString())
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
