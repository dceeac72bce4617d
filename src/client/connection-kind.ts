import type { NetworkStatus } from '#replica/replica.ts'
import type { ConnectionKind } from './client.ts'

/**
 * What the connection chip says. Pure.
 *
 * @param network - `null` while the network starts.
 * @param contactPeers - peer ids that the contact's devices announced; empty for "any node will do".
 */
export function connectionOf(
  network: NetworkStatus | null,
  contactPeers: ReadonlySet<string>
): ConnectionKind {
  if (network === null) return 'connecting'
  // Peer ids of contacts are their own claim: one that names a node must not make the node look like them.
  const nodes = new Set(network.nodes.map((node) => node.peerId))
  const isContact = (peerId: string): boolean => contactPeers.has(peerId) && !nodes.has(peerId)
  if (network.peers.some((peer) => !peer.isLimited && isContact(peer.peerId))) return 'direct'
  if (network.nodes.some((node) => node.state === 'connected')) return 'relayed'
  const isTrying = network.nodes.some((node) => node.state === 'connecting')
  return network.isOnline && isTrying ? 'connecting' : 'offline'
}

const STRENGTH: Readonly<Record<ConnectionKind, number>> = {
  direct: 4,
  tor: 3,
  relayed: 2,
  connecting: 1,
  offline: 0
}

/** The strongest of several connections. */
export function bestConnection(kinds: readonly ConnectionKind[]): ConnectionKind {
  return kinds.reduce<ConnectionKind>(
    (best, kind) => (STRENGTH[kind] > STRENGTH[best] ? kind : best),
    'offline'
  )
}
