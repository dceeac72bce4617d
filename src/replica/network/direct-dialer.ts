import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { WebRTC, WebSocketsSecure } from '@multiformats/multiaddr-matcher'
import { BoundedMap } from '../bounded-map.ts'
import { abortable } from './abortable.ts'
import type { Clock } from './clock.ts'

/** Addresses of one peer that are looked at; whoever sends more is not believed more. */
const MAX_ADDRESSES = 8

/** Failed tries of all peers together within {@link FAILURE_WINDOW_MS}: each costs an RTCPeerConnection for good. */
const MAX_FAILURES = 6
const FAILURE_WINDOW_MS = 10 * 60_000

const FIRST_BACK_OFF_MS = 5_000
const LAST_BACK_OFF_MS = 10 * 60_000

/** Signalling and ICE together, ms. */
const DIRECT_DIAL_TIMEOUT_MS = 20_000

/** Most peers whose back-off is remembered. */
const MAX_REMEMBERED = 512

/** What the direct dialer needs from the network. */
export interface DirectLinks {
  /** Whether WebRTC exists, is allowed, and the budget of the page is not spent. */
  canDial(): boolean
  /** Whether an unlimited connection to the peer is open. */
  isConnected(peerId: string): boolean
  dial(addresses: readonly Multiaddr[], signal: AbortSignal): Promise<void>
  /** Closes the relayed connection that carried the signalling. */
  closeLimited(peerId: string): void
}

export interface DirectDialer {
  /** See `Replica.connectDirect`. Two calls for one peer share one dial. Never rejects. */
  connect(peerId: string, multiaddrs: readonly string[], signal: AbortSignal): Promise<boolean>
}

/**
 * Upgrades peers to WebRTC, sparingly: Chromium refuses the 501st RTCPeerConnection of a page, closed ones count.
 *
 * A failing peer waits 5 s, 10 s, 20 s … 10 min; six failures in ten minutes stop all tries until the oldest of them is
 * ten minutes old.
 */
export function createDirectDialer(
  components: { readonly links: DirectLinks; readonly clock: Clock },
  stopped: AbortSignal
): DirectDialer {
  const { links, clock } = components
  const flights = new Map<string, Promise<boolean>>()
  const backOffs = new BoundedMap<
    string,
    { readonly failures: number; readonly retryAtMs: number }
  >(MAX_REMEMBERED)
  let failedAtMs: readonly number[] = []

  function mayDial(peerId: string): boolean {
    const now = clock.now()
    failedAtMs = failedAtMs.filter((failedAt) => now - failedAt < FAILURE_WINDOW_MS)
    return (
      !stopped.aborted &&
      links.canDial() &&
      failedAtMs.length < MAX_FAILURES &&
      (backOffs.get(peerId)?.retryAtMs ?? 0) <= now
    )
  }

  function recordFailure(peerId: string): void {
    const now = clock.now()
    const failures = (backOffs.get(peerId)?.failures ?? 0) + 1
    const backOffMs = Math.min(
      LAST_BACK_OFF_MS,
      FIRST_BACK_OFF_MS * 2 ** Math.min(failures - 1, 10)
    )
    backOffs.set(peerId, { failures, retryAtMs: now + backOffMs })
    failedAtMs = [...failedAtMs, now]
  }

  async function fly(
    peerId: string,
    addresses: readonly Multiaddr[],
    signal: AbortSignal
  ): Promise<boolean> {
    try {
      await links.dial(addresses, signal)
    } catch {
      // Whether it worked is asked below: the other side may have dialled us in the meantime.
    }
    const isConnected = links.isConnected(peerId)
    if (isConnected) {
      backOffs.delete(peerId)
      links.closeLimited(peerId)
    } else {
      recordFailure(peerId)
    }
    return isConnected
  }

  return {
    connect: async (peerId, multiaddrs, signal) => {
      if (links.isConnected(peerId)) {
        links.closeLimited(peerId)
        return true
      }
      const running = flights.get(peerId)
      if (running !== undefined) {
        return abortable(running, signal).catch(() => false)
      }
      const addresses = selectDirectAddresses(peerId, multiaddrs, links)
      if (addresses.length === 0 || signal.aborted || !mayDial(peerId)) {
        return false
      }
      const deadline = new AbortController()
      const cancelTimeout = clock.after(DIRECT_DIAL_TIMEOUT_MS, () => {
        deadline.abort()
      })
      const ended = AbortSignal.any([signal, stopped, deadline.signal])
      const flight = fly(peerId, addresses, ended).finally(() => {
        cancelTimeout()
        flights.delete(peerId)
      })
      flights.set(peerId, flight)
      return abortable(flight, ended).catch(() => false)
    }
  }
}

/**
 * The addresses in a contact's list that are worth a dial and safe to dial.
 *
 * A contact chooses these bytes: without the rule on relays it could make this page open sockets to hosts of its
 * choice, the local network included. So a relay is one that we are connected to anyway, or a public name with TLS.
 */
export function selectDirectAddresses(
  peerId: string,
  multiaddrs: readonly string[],
  links: Pick<DirectLinks, 'isConnected'>
): readonly Multiaddr[] {
  return multiaddrs
    .slice(0, MAX_ADDRESSES)
    .map((text) => parseAddress(text))
    .filter((address) => address !== null)
    .filter((address) => {
      if (!WebRTC.exactMatch(address)) {
        return false
      }
      const components = address.getComponents()
      const circuitAt = components.findIndex(({ name }) => name === 'p2p-circuit')
      const relayAddress = multiaddr(components.slice(0, circuitAt))
      const relayPeerId = relayAddress.getComponents().findLast(({ name }) => name === 'p2p')?.value
      const target = components.slice(circuitAt).findLast(({ name }) => name === 'p2p')?.value
      return (
        circuitAt > 0 &&
        target === peerId &&
        relayPeerId !== undefined &&
        (links.isConnected(relayPeerId) || isPublicSecureAddress(relayAddress))
      )
    })
}

function isPublicSecureAddress(address: Multiaddr): boolean {
  const [first] = address.getComponents()
  const host = first?.value?.toLowerCase() ?? ''
  return (
    WebSocketsSecure.exactMatch(address) &&
    first !== undefined &&
    first.name.startsWith('dns') &&
    host.includes('.') &&
    !host.endsWith('.local') &&
    !host.endsWith('.localhost')
  )
}

function parseAddress(text: string): Multiaddr | null {
  try {
    return multiaddr(text)
  } catch {
    return null
  }
}
