import {
  circuitRelayTransport,
  type CircuitRelayTransportComponents
} from '@libp2p/circuit-relay-v2'
import type { PeerId, Transport } from '@libp2p/interface'
import type { RelayReservations } from './network-platform.ts'

/** The part of the relay transport that its declared type hides and that the upkeep of reservations needs. */
interface ReservationStore {
  hasReservation(relay: PeerId): boolean
  addRelay(relay: PeerId, type: 'discovered'): Promise<unknown>
}

/**
 * The circuit relay transport, with a handle to ask for a reservation again.
 *
 * libp2p asks each relay once per discovery. A request that meets a half-open connection fails and is not repeated,
 * so that the `/p2p-circuit` address of a page can be gone until it is reloaded (libp2p/js-libp2p#3601).
 *
 * @param reservationTimeoutMs - one request, dial included.
 */
export function createRelayTransport(reservationTimeoutMs: number): {
  readonly factory: (components: CircuitRelayTransportComponents) => Transport
  readonly reservations: RelayReservations
} {
  let store: ReservationStore | null = null
  const createTransport = circuitRelayTransport({
    reservationCompletionTimeout: reservationTimeoutMs
  })
  return {
    factory: (components) => {
      const transport = createTransport(components)
      if (!hasReservationStore(transport)) {
        throw new Error(
          'relay transport has no reservation store: @libp2p/circuit-relay-v2 changed'
        )
      }
      store = transport.reservationStore
      return transport
    },
    reservations: {
      has: (relay) => store?.hasReservation(relay) ?? false,
      reserve: async (relay) => {
        await store?.addRelay(relay, 'discovered')
      }
    }
  }
}

function hasReservationStore(
  transport: Transport
): transport is Transport & { readonly reservationStore: ReservationStore } {
  if (!('reservationStore' in transport)) {
    return false
  }
  const store = transport.reservationStore
  return (
    typeof store === 'object' && store !== null && 'addRelay' in store && 'hasReservation' in store
  )
}
