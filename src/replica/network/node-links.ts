import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { WebRTCDirect, WebSockets, WebSocketsSecure } from '@multiformats/multiaddr-matcher'
import { DeadDropError } from '#protocol/errors.ts'
import type { NodeLink } from '../replica.ts'
import { abortable } from './abortable.ts'
import type { Clock } from './clock.ts'

/** Most nodes to stay connected to; each costs a socket for ever. */
export const MAX_NODES = 16

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 60_000

/** A connection that ended sooner did not count as success, so that a node that hangs up at once is not hammered. */
const STABLE_AFTER_MS = 10_000

/**
 * Why the last dial of a node failed; `NodeLink.error` holds one of these.
 *
 * - `timed-out`: no answer in time.
 * - `refused`: the network or the node refused the connection.
 * - `identity-changed`: somebody else answers at this address than the peer id in it says.
 * - `address-denied`: this page may not dial it (plain `ws://` to a public host).
 * - `address-unsupported`: no transport of this platform matches it.
 * - `self`: it is our own address.
 */
export type NodeLinkError =
  'timed-out' | 'refused' | 'identity-changed' | 'address-denied' | 'address-unsupported' | 'self'

/** What node links need from the network. */
export interface NodeDialer {
  /** Resolves with the peer id that proved itself at the other end. */
  dial(address: Multiaddr, signal: AbortSignal): Promise<string>
  /** Whether an unlimited connection to the peer is open. */
  isConnected(peerId: string): boolean
  /** Shields connections to the peer from being closed to make room. */
  retain(peerId: string): void
  /** Undoes {@link NodeDialer.retain} and hangs up. */
  release(peerId: string): void
}

/** Keeps connections to a set of nodes, for ever. */
export interface NodeLinks {
  /** In the order of {@link NodeLinks.set}. */
  list(): readonly NodeLink[]
  /** Replaces the set; what stays in it keeps its connection. */
  set(multiaddrs: readonly string[]): void
  /** Dials at once whatever waits for its back-off. */
  wake(): void
  /** To be called whenever a connection opened or closed. */
  onConnectionsChanged(): void
  stop(): void
}

export interface NodeLinksComponents {
  readonly dialer: NodeDialer
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly onChange: () => void
}

interface Link {
  readonly text: string
  readonly address: Multiaddr
  readonly namedPeerId: string | null
  peerId: string | null
  state: NodeLink['state']
  error: NodeLinkError | null
  retryAtMs: number | null
  failures: number
  connectedAtMs: number
  cancelRetry: () => void
  dial: AbortController | null
}

/**
 * The reconnect loop: libp2p gives up after five attempts, a messenger must not.
 *
 * Waits 1 s, 2 s, 4 s … 60 s between dials, each shortened by up to half at random so that the clients of a node that
 * restarts do not come back in step.
 *
 * @param init.dialTimeoutMs - one dial, name lookup and handshakes included.
 */
export function createNodeLinks(
  components: NodeLinksComponents,
  init: { readonly dialTimeoutMs: number }
): NodeLinks {
  const { dialer, clock, random, onChange } = components
  let links: readonly Link[] = []
  let isStopped = false

  function markConnected(link: Link, peerId: string): void {
    link.cancelRetry()
    link.dial?.abort()
    link.dial = null
    link.peerId = peerId
    link.state = 'connected'
    link.error = null
    link.retryAtMs = null
    link.connectedAtMs = clock.now()
    dialer.retain(peerId)
    onChange()
  }

  function scheduleRetry(link: Link): void {
    const backOffMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(link.failures, 10))
    const delayMs = Math.round(backOffMs * (1 - random() / 2))
    link.failures++
    link.state = 'unreachable'
    link.retryAtMs = clock.now() + delayMs
    link.cancelRetry()
    link.cancelRetry = clock.after(delayMs, () => {
      void dial(link)
    })
    onChange()
  }

  async function dial(link: Link): Promise<void> {
    if (isStopped || !links.includes(link) || link.dial !== null) {
      return
    }
    link.cancelRetry()
    const attempt = new AbortController()
    link.dial = attempt
    link.state = 'connecting'
    link.retryAtMs = null
    onChange()
    const cancelTimeout = clock.after(init.dialTimeoutMs, () => {
      attempt.abort(new DOMException('dial timed out', 'TimeoutError'))
    })
    let failure: NodeLinkError | null = null
    let peerId = ''
    try {
      peerId = await abortable(dialer.dial(link.address, attempt.signal), attempt.signal)
    } catch (error) {
      failure = classifyDialError(error, attempt.signal)
    } finally {
      cancelTimeout()
    }
    if (link.dial !== attempt) {
      // Stopped, removed, or connected another way in the meantime.
      return
    }
    link.dial = null
    if (failure === null && link.namedPeerId !== null && link.namedPeerId !== peerId) {
      failure = 'identity-changed'
    }
    if (failure === null && !dialer.isConnected(peerId)) {
      failure = 'refused'
    }
    if (failure === null) {
      markConnected(link, peerId)
    } else {
      link.error = failure
      scheduleRetry(link)
    }
  }

  function onConnectionsChanged(): void {
    for (const link of links) {
      const isConnected = link.peerId !== null && dialer.isConnected(link.peerId)
      if (link.state === 'connected' && !isConnected) {
        if (clock.now() - link.connectedAtMs >= STABLE_AFTER_MS) {
          link.failures = 0
        }
        scheduleRetry(link)
      } else if (link.state !== 'connected' && isConnected && link.peerId !== null) {
        markConnected(link, link.peerId)
      }
    }
  }

  function drop(link: Link, remaining: readonly Link[]): void {
    link.cancelRetry()
    link.dial?.abort()
    link.dial = null
    if (link.peerId !== null && !remaining.some((other) => other.peerId === link.peerId)) {
      dialer.release(link.peerId)
    }
  }

  return {
    list: () =>
      links.map(({ text, peerId, state, error, retryAtMs }) => ({
        multiaddr: text,
        peerId,
        state,
        error,
        retryAtMs
      })),
    set: (multiaddrs) => {
      if (multiaddrs.length > MAX_NODES) {
        throw new DeadDropError(
          'node-address-malformed',
          `node list has ${String(multiaddrs.length)} addresses, allowed 0..${String(MAX_NODES)}`
        )
      }
      const wanted = [...new Set(multiaddrs)].map(parseNodeAddress)
      const kept = new Map(links.map((link) => [link.text, link]))
      const next = wanted.map((link) => kept.get(link.text) ?? link)
      const removed = links.filter((link) => !next.includes(link))
      links = next
      for (const link of removed) {
        drop(link, next)
      }
      onChange()
      onConnectionsChanged()
      for (const link of next) {
        if (link.state === 'connecting') {
          void dial(link)
        }
      }
    },
    wake: () => {
      for (const link of links) {
        if (link.state === 'unreachable') {
          link.failures = 0
          void dial(link)
        }
      }
    },
    onConnectionsChanged,
    stop: () => {
      isStopped = true
      for (const link of links) {
        link.cancelRetry()
        link.dial?.abort()
        link.dial = null
      }
    }
  }
}

/** Whether `text` is the address of a WebSocket or webrtc-direct listener: what {@link NodeLinks.set} takes. */
export function isNodeAddress(text: string): boolean {
  try {
    parseNodeAddress(text)
    return true
  } catch {
    return false
  }
}

/** @throws {DeadDropError} `node-address-malformed` unless `text` is a dialable address of a WebSocket or webrtc-direct listener. */
function parseNodeAddress(text: string): Link {
  let address: Multiaddr
  let namedPeerId: string | null
  try {
    address = multiaddr(text)
    const name = address.getComponents().findLast((component) => component.name === 'p2p')?.value
    // The multiaddr parser takes any base58 text for a peer id.
    namedPeerId = name === undefined ? null : peerIdFromString(name).toString()
  } catch (cause) {
    throw new DeadDropError('node-address-malformed', 'node address is not a multiaddr', { cause })
  }
  if (![WebSockets, WebSocketsSecure, WebRTCDirect].some((kind) => kind.exactMatch(address))) {
    throw new DeadDropError(
      'node-address-malformed',
      'node address is not one of a WebSocket or webrtc-direct listener'
    )
  }
  return {
    text,
    address,
    namedPeerId,
    peerId: namedPeerId,
    state: 'connecting',
    error: null,
    retryAtMs: null,
    failures: 0,
    connectedAtMs: 0,
    cancelRetry: () => undefined,
    dial: null
  }
}

function classifyDialError(error: unknown, signal: AbortSignal): NodeLinkError {
  if (signal.aborted) {
    return 'timed-out'
  }
  // Several addresses make an AggregateError; ours are single, but a name may resolve to many.
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  const names = causes.map((cause) => (cause instanceof Error ? cause.name : ''))
  if (causes.some(isOtherIdentity)) {
    return 'identity-changed'
  }
  if (names.includes('DialDeniedError')) {
    return 'address-denied'
  }
  if (names.includes('NoValidAddressesError')) {
    return 'address-unsupported'
  }
  if (names.includes('InvalidPeerIdError')) {
    return 'self'
  }
  return names.includes('TimeoutError') ? 'timed-out' : 'refused'
}

/** Noise says it with UnexpectedPeerError, but the upgrader above it keeps only the message. */
function isOtherIdentity(error: unknown): boolean {
  return (
    error instanceof Error &&
    error.name === 'EncryptionFailedError' &&
    error.message.includes('does not match expected remote identity key')
  )
}
