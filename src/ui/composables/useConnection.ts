import { computed } from 'vue'
import type { ComputedRef } from 'vue'
import type { ConnectionKind, NodeView } from '#client/client.ts'
import type { NetworkStatus } from '../client-types.ts'
import { useClient } from './useClient.ts'
import { useSnapshot } from './useSnapshot.ts'

/** What the connection chip shows. */
export interface ConnectionState {
  readonly connection: ConnectionKind
  readonly network: NetworkStatus | null
  readonly nodes: readonly NodeView[]
}

/** The connection of one conversation, or of the client where none is given. */
export function useConnection(conversation?: string): {
  readonly state: ComputedRef<ConnectionState>
  readonly retry: () => void
} {
  const client = useClient()
  const snapshot = useSnapshot()
  const state = computed(() => {
    const { conversations, connection, network, nodes } = snapshot.value
    const own = conversations.find((candidate) => candidate.id === conversation)
    // An imported conversation has no connection of its own.
    const isLive = own !== undefined && own.archive === null
    return { connection: isLive ? own.connection : connection, network, nodes }
  })
  return {
    state,
    retry() {
      client.wake()
    }
  }
}
