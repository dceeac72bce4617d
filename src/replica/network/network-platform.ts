import type { GossipSub } from '@libp2p/gossipsub'
import type { Identify, IdentifyPush } from '@libp2p/identify'
import type { PeerId } from '@libp2p/interface'
import type { Ping } from '@libp2p/ping'
import type { Libp2pOptions } from 'libp2p'

/** The libp2p services that every DeadDrop peer runs. */
// An interface would not be assignable to libp2p's `ServiceMap`, which has an index signature.
export type NetworkServices = {
  readonly identify: Identify
  readonly identifyPush: IdentifyPush
  readonly ping: Ping
  readonly pubsub: GossipSub
}

/** Asks relays for reservations, see {@link createRelayTransport}. */
export interface RelayReservations {
  has(relay: PeerId): boolean
  /** Does nothing when enough relays are reserved. Rejects when the relay refuses. */
  reserve(relay: PeerId): Promise<void>
}

/** A STUN or TURN server; the same shape as the browser's `RTCIceServer`. */
export interface IceServer {
  readonly urls: string | string[]
  readonly username?: string
  readonly credential?: string
}

export interface Libp2pSetup {
  /** Fresh for each node: Helia writes the private key into it. */
  readonly options: Libp2pOptions<NetworkServices>
  /** `null` where this peer never asks for a reservation. */
  readonly reservations: RelayReservations | null
}

/** What differs between a page, a pinning node and a headless client. */
export interface NetworkPlatform {
  createLibp2pSetup(): Promise<Libp2pSetup>
  /** What the platform says about the network; `true` where it says nothing. */
  isOnline(): boolean
  /** Calls `listener` when the device woke up, came online or was looked at again, until `signal` aborts. */
  onWake(listener: () => void, signal: AbortSignal): void
  /** Calls `listener` when {@link NetworkPlatform.isOnline} turned `false`, until `signal` aborts. */
  onOffline(listener: () => void, signal: AbortSignal): void
  /** Whether another direct connection may be tried: WebRTC exists, is allowed, and the budget of the page is not spent. */
  canDialDirect(): boolean
}
