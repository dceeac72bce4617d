import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { FaultTolerance } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import { isIPv6 } from 'node:net'
import { createDialSettings, createSharedOptions, DIAL_TIMEOUT_MS } from './libp2p-options.ts'
import type { IceServer, Libp2pSetup, NetworkPlatform } from './network-platform.ts'
import { createRelayTransport } from './relay-transport.ts'

/** Most reservations a daemon grants unless told otherwise. One is a map entry, not a socket. */
const DEFAULT_MAX_RESERVATIONS = 5_000

export interface DaemonPlatformInit {
  /** IP address of the WebSocket listener. @default '127.0.0.1' */
  readonly host?: string
  /** TCP port of the WebSocket listener; 0 = any free one. @default 0 */
  readonly wsPort?: number
  /** UDP port of the webrtc-direct listener, 0 = any free one; `null` = none. @default null */
  readonly webrtcPort?: number | null
  /** Addresses to tell peers instead of the listening ones: what the reverse proxy answers to. */
  readonly announce?: readonly string[]
  readonly maxReservations?: number
  /** Told when webrtc-direct is wanted and its native library does not load; the node runs without it. */
  readonly onWarning?: (message: string, cause: unknown) => void
}

/**
 * A pinning node: accepts WebSockets (and webrtc-direct as an extra), relays signalling between its clients, and
 * forwards gossip to all of them.
 */
export function createDaemonPlatform(init: DaemonPlatformInit): NetworkPlatform {
  return createNodePlatform(async (): Promise<Libp2pSetup> => {
    const host = init.host ?? '127.0.0.1'
    const ip = `/${isIPv6(host) ? 'ip6' : 'ip4'}/${host}`
    const webrtcDirect = await loadWebrtcDirect(init)
    const shared = createSharedOptions({
      // With the defaults a hub forwards to 12 subscribers and leaves the others to gossip repair, which gives up.
      D: 128,
      Dlo: 96,
      Dhi: 512,
      Dscore: 16,
      Dout: 0
    })
    const services = {
      ...shared.services,
      // The default limits of a relayed connection stay (2 min, 128 KiB): it is there for signalling only.
      relay: circuitRelayServer({
        reservations: { maxReservations: init.maxReservations ?? DEFAULT_MAX_RESERVATIONS }
      })
    }
    return {
      reservations: null,
      options: {
        ...shared,
        addresses: {
          listen: [
            `${ip}/tcp/${String(init.wsPort ?? 0)}/ws`,
            ...(webrtcDirect === null
              ? []
              : [`${ip}/udp/${String(init.webrtcPort ?? 0)}/webrtc-direct`])
          ],
          announce: [...(init.announce ?? [])]
        },
        // A daemon nobody can reach is not started: a port in use is an error for the operator.
        transportManager: { faultTolerance: FaultTolerance.FATAL_ALL },
        transports: [webSockets(), ...(webrtcDirect === null ? [] : [webrtcDirect])],
        connectionGater: { denyDialMultiaddr: () => false },
        connectionManager: {
          ...createDialSettings(),
          // Behind a proxy all clients come from one host, so the limits per host are limits for all.
          inboundConnectionThreshold: 1_000,
          maxIncomingPendingConnections: 200,
          maxConnections: 2_000
        },
        services
      }
    }
  }, false)
}

export interface ClientPlatformInit {
  /** Relay reservations to hold, so that others can reach this client. @default 0 */
  readonly wantedRelays?: number
  /**
   * WebRTC with other clients, through the native library. Experimental: without the correction that browser builds get
   * (`webrtc-init-race.vite.ts`) a dial may take two tries. @default false
   */
  readonly allowDirect?: boolean
  /** STUN and TURN servers for {@link allowDirect}. @default [] */
  readonly iceServers?: readonly IceServer[]
}

/** A headless client: dials nodes over WebSockets, listens on nothing of its own. */
export function createClientPlatform(init: ClientPlatformInit): NetworkPlatform {
  const allowDirect = init.allowDirect ?? false
  return createNodePlatform(async (): Promise<Libp2pSetup> => {
    const relay = createRelayTransport(DIAL_TIMEOUT_MS)
    const webrtc = allowDirect ? await import('@libp2p/webrtc') : null
    return {
      reservations: relay.reservations,
      options: {
        ...createSharedOptions({}),
        addresses: {
          listen: [
            ...Array.from({ length: init.wantedRelays ?? 0 }, () => '/p2p-circuit'),
            ...(webrtc === null ? [] : ['/webrtc'])
          ]
        },
        transports: [
          webSockets(),
          relay.factory,
          ...(webrtc === null
            ? []
            : [webrtc.webRTC({ rtcConfiguration: { iceServers: [...(init.iceServers ?? [])] } })])
        ],
        connectionGater: { denyDialMultiaddr: () => false },
        connectionManager: createDialSettings()
      }
    }
  }, allowDirect)
}

function createNodePlatform(
  createLibp2pSetup: () => Promise<Libp2pSetup>,
  canDialDirect: boolean
): NetworkPlatform {
  return {
    createLibp2pSetup,
    isOnline: () => true,
    // Node says nothing when a machine wakes up; the ping of the connection monitor finds dead sockets.
    onWake: () => undefined,
    onOffline: () => undefined,
    canDialDirect: () => canDialDirect
  }
}

async function loadWebrtcDirect(init: DaemonPlatformInit) {
  if (init.webrtcPort === undefined || init.webrtcPort === null) {
    return null
  }
  try {
    const { webRTCDirect } = await import('@libp2p/webrtc')
    return webRTCDirect({ rtcConfiguration: { iceServers: [] } })
  } catch (cause) {
    init.onWarning?.('webrtc-direct is off: its native library does not load', cause)
    return null
  }
}
