import { webRTC } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { mayDial } from './dial-policy.ts'
import { createDialSettings, createSharedOptions, DIAL_TIMEOUT_MS } from './libp2p-options.ts'
import type { IceServer, NetworkPlatform } from './network-platform.ts'
import type { PeerConnectionBudget } from './peer-connection-budget.ts'
import { createRelayTransport } from './relay-transport.ts'

export interface BrowserPlatformInit {
  /** Whether this page may create WebRTC connections, which show its IP address to the contacts it talks to. */
  readonly allowDirect: boolean
  /** STUN and TURN servers; never the library's own list, which names third parties. @default [] */
  readonly iceServers?: readonly IceServer[]
  /** Nodes to be reachable through at the same time. @default 2 */
  readonly wantedRelays?: number
}

/**
 * A page: dials nodes over WebSockets and, where RTCPeerConnection exists and is allowed, contacts over WebRTC that is
 * signalled through a node. Everything works without WebRTC, in Tor Browser for instance.
 *
 * @param components.budget - one for the whole page, also when the peer is restarted in it.
 */
export function createBrowserPlatform(
  components: { readonly budget: PeerConnectionBudget },
  init: BrowserPlatformInit
): NetworkPlatform {
  const { budget } = components
  const allowDirect = init.allowDirect && typeof RTCPeerConnection !== 'undefined'
  const isPageSecure = location.protocol === 'https:'
  return {
    createLibp2pSetup: async () => {
      const relay = createRelayTransport(DIAL_TIMEOUT_MS)
      return {
        reservations: relay.reservations,
        options: {
          ...createSharedOptions({}),
          addresses: {
            // One entry per relay: listening on a named relay would not survive its first drop. A page that cannot be
            // reached over WebRTC has no use for a reservation.
            listen: allowDirect
              ? [...Array.from({ length: init.wantedRelays ?? 2 }, () => '/p2p-circuit'), '/webrtc']
              : []
          },
          transports: [
            webSockets(),
            relay.factory,
            ...(allowDirect
              ? [
                  webRTC({
                    // Called once for each RTCPeerConnection, in both directions.
                    rtcConfiguration: () => {
                      budget.take()
                      return { iceServers: toRtcIceServers(init.iceServers ?? []) }
                    }
                  })
                ]
              : [])
          ],
          connectionGater: { denyDialMultiaddr: (address) => !mayDial(address, isPageSecure) },
          connectionManager: createDialSettings()
        }
      }
    },
    isOnline: () => navigator.onLine,
    onWake: (listener, signal) => {
      addEventListener('online', listener, { signal })
      addEventListener('pageshow', listener, { signal })
      document.addEventListener('resume', listener, { signal })
      document.addEventListener(
        'visibilitychange',
        () => {
          if (document.visibilityState === 'visible') {
            listener()
          }
        },
        { signal }
      )
    },
    onOffline: (listener, signal) => {
      addEventListener('offline', listener, { signal })
    },
    canDialDirect: () => allowDirect && !budget.isSpent
  }
}

function toRtcIceServers(servers: readonly IceServer[]): RTCIceServer[] {
  return servers.map((server) => ({ ...server }))
}
