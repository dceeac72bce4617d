import { MAX_PEER_CONNECTIONS_PER_PAGE } from '#protocol/limits.ts'

/** Counts the RTCPeerConnections of one page, inbound ones included; Chromium never gives one back. */
export interface PeerConnectionBudget {
  readonly isSpent: boolean
  /** @throws {Error} when the budget is spent: a peer that keeps dialling us must not take the page's last ones. */
  take(): void
}

/** @param init.max - @default {@link MAX_PEER_CONNECTIONS_PER_PAGE} */
export function createPeerConnectionBudget(init: { readonly max?: number }): PeerConnectionBudget {
  const max = init.max ?? MAX_PEER_CONNECTIONS_PER_PAGE
  let taken = 0
  return {
    get isSpent() {
      return taken >= max
    },
    take: () => {
      if (taken >= max) {
        throw new Error(`RTCPeerConnection budget of this page is spent: ${String(max)}`)
      }
      taken++
    }
  }
}
