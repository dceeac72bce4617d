/** An id short enough to read out: enough to tell ids apart on a screen, never to trust one. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-6)}`
}

/** The peer id at the end of a node's address, short; the whole address where it has none. */
export function shortNode(multiaddr: string): string {
  const parts = multiaddr.split('/')
  const at = parts.lastIndexOf('p2p')
  const peerId = at === -1 ? undefined : parts[at + 1]
  return peerId === undefined ? multiaddr : shortId(peerId)
}
