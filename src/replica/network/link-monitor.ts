import type { Connection, Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerLink, Transport } from '../replica.ts'
import type { Clock } from './clock.ts'
import type { NetworkServices } from './network-platform.ts'

const PING_PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32

/** A peer that does not answer a probe in this time is taken for gone, ms. */
const PROBE_TIMEOUT_MS = 5_000

/** The open connections, with their round-trip times. */
export interface LinkMonitor {
  list(): readonly PeerLink[]
  /**
   * Pings every unlimited connection now and drops those that do not answer: after sleep a socket can be dead without
   * an event.
   */
  probe(): Promise<void>
}

/**
 * libp2p's connection monitor pings each connection every 15 s and leaves the figure in `connection.rtt`; this one
 * adds a ping when a connection opens, and when the device wakes up.
 */
export function createLinkMonitor(
  components: {
    readonly libp2p: Libp2p<NetworkServices>
    readonly clock: Clock
    readonly onChange: () => void
  },
  stopped: AbortSignal
): LinkMonitor {
  const { libp2p, clock, onChange } = components

  async function measure(connection: Connection): Promise<void> {
    const timeout = AbortSignal.any([stopped, AbortSignal.timeout(PROBE_TIMEOUT_MS)])
    const stream = await connection.newStream(PING_PROTOCOL, { signal: timeout })
    const sentAtMs = clock.now()
    try {
      await new Promise<void>((resolve, reject) => {
        let missing = PING_BYTES
        stream.addEventListener('message', ({ data }) => {
          missing -= data.byteLength
          if (missing <= 0) {
            resolve()
          }
        })
        stream.addEventListener('close', () => {
          reject(new Error('ping stream closed'))
        })
        timeout.addEventListener(
          'abort',
          () => {
            reject(new Error('ping timed out'))
          },
          { once: true }
        )
        stream.send(new Uint8Array(PING_BYTES))
      })
      connection.rtt = clock.now() - sentAtMs
      onChange()
      await stream.close({ signal: timeout })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error('ping failed'))
      throw error
    }
  }

  libp2p.addEventListener(
    'connection:open',
    ({ detail: connection }) => {
      if (connection.limits === undefined) {
        // A failure shows in `roundTripMs: null`; whether the peer lives is for the connection monitor to say.
        measure(connection).catch(() => undefined)
      }
    },
    { signal: stopped }
  )

  return {
    list: () =>
      libp2p
        .getConnections()
        .filter(({ status }) => status === 'open')
        .map(toPeerLink),
    probe: async () => {
      const connections = libp2p
        .getConnections()
        .filter(({ status, limits }) => status === 'open' && limits === undefined)
      await Promise.all(
        connections.map((connection) =>
          measure(connection).catch((error: unknown) => {
            if (!stopped.aborted && !isUnsupportedProtocol(error)) {
              connection.abort(new Error('no answer after wake-up', { cause: error }))
            }
          })
        )
      )
    }
  }
}

function toPeerLink(connection: Connection): PeerLink {
  return {
    peerId: connection.remotePeer.toString(),
    transport: classifyTransport(connection.remoteAddr),
    isLimited: connection.limits !== undefined,
    direction: connection.direction,
    multiaddr: connection.remoteAddr.toString(),
    roundTripMs: connection.rtt ?? null,
    openedAtMs: connection.timeline.open
  }
}

/** The innermost transport of an address: WebRTC that was signalled over a relay is `webrtc`, not `relay`. */
export function classifyTransport(address: Multiaddr): Transport {
  const names = new Set(address.getComponents().map(({ name }) => name))
  const order = [
    ['webrtc-direct', 'webrtc-direct'],
    ['webrtc', 'webrtc'],
    ['p2p-circuit', 'relay'],
    ['ws', 'websocket'],
    ['wss', 'websocket'],
    ['tcp', 'tcp'],
    ['memory', 'memory']
  ] as const
  return order.find(([name]) => names.has(name))?.[1] ?? 'other'
}

/** A peer without the ping protocol has answered: it lives. */
function isUnsupportedProtocol(error: unknown): boolean {
  return error instanceof Error && error.name === 'UnsupportedProtocolError'
}
