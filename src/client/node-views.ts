import type { NetworkStatus } from '#replica/replica.ts'
import type { NodeView } from './client.ts'

/** The nodes as the settings show them; one that the network has not taken up yet counts as connecting. */
export function nodeViews(
  multiaddrs: readonly string[],
  status: NetworkStatus | null,
  sourceOf: (multiaddr: string) => NodeView['source']
): NodeView[] {
  const links = new Map(status?.nodes.map((node) => [node.multiaddr, node]))
  return multiaddrs.map((multiaddr) => {
    const link = links.get(multiaddr)
    return {
      multiaddr,
      state: link?.state ?? 'connecting',
      error: link?.error ?? null,
      retryAtMs: link?.retryAtMs ?? null,
      source: sourceOf(multiaddr)
    }
  })
}
