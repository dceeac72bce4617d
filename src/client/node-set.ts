import { multiaddr } from '@multiformats/multiaddr'
import { DeadDropError } from '#protocol/errors.ts'
import { isNodeAddress, MAX_NODES } from '#replica/network/node-links.ts'
import type { NetworkStatus } from '#replica/replica.ts'
import type { NodeView } from './client.ts'
import type { NodeChoice } from './records.ts'

/** Which pinning nodes this user goes through: those of the host, less what the user removed, plus what the user added. */
export interface NodeSet {
  choice(): NodeChoice
  /** @throws {DeadDropError} `node-address-malformed` when `address` is not one of a node. */
  add(address: string): void
  remove(address: string): void
  sourceOf(address: string): NodeView['source']
  /** Own nodes first, then `others`: each once, at most {@link MAX_NODES}, and only what can be dialled. */
  union(others: readonly string[]): string[]
  /** Addresses for an invite: connected nodes first, each with its peer id where that is known. */
  bestForInvite(status: NetworkStatus | null): string[]
}

export function createNodeSet(configured: readonly string[], initial: NodeChoice): NodeSet {
  const added = new Set(initial.added)
  const removed = new Set(initial.removed)

  function own(): string[] {
    return [...configured.filter((node) => !removed.has(node)), ...added].filter(isNodeAddress)
  }

  return {
    choice: () => ({ added: [...added], removed: [...removed] }),

    add(address) {
      const normal = normalise(address)
      removed.delete(normal)
      if (!configured.includes(normal)) added.add(normal)
    },

    remove(address) {
      // Remembered, because a contact's invite or the host's configuration may name it again.
      added.delete(address)
      removed.add(address)
    },

    sourceOf(address) {
      if (configured.includes(address)) return 'config'
      return added.has(address) ? 'user' : 'contact'
    },

    union(others) {
      // A contact's invite may name anything; what cannot be dialled must not stop the rest.
      const usable = others.filter((node) => !removed.has(node) && isNodeAddress(node))
      return [...new Set([...own(), ...usable])].slice(0, MAX_NODES)
    },

    bestForInvite(status) {
      const links = new Map(status?.nodes.map((node) => [node.multiaddr, node]))
      const isConnected = (node: string): boolean => links.get(node)?.state === 'connected'
      return own()
        .sort((a, b) => Number(isConnected(b)) - Number(isConnected(a)))
        .map((node) => {
          const peerId = links.get(node)?.peerId ?? null
          return peerId === null || node.includes('/p2p/') ? node : `${node}/p2p/${peerId}`
        })
    }
  }
}

function normalise(address: string): string {
  const text = address.trim()
  if (!isNodeAddress(text)) {
    throw new DeadDropError(
      'node-address-malformed',
      'node address is not one of a WebSocket listener, such as /dns4/node.example/tcp/443/wss'
    )
  }
  return multiaddr(text).toString()
}
