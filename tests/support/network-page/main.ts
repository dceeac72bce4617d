import { recordedPeerConnections } from './recorded-peer-connections.ts'
import { MemoryBlockstore } from 'blockstore-core/memory'
import { MemoryDatastore } from 'datastore-core/memory'
import { createSystemClock } from '#replica/network/clock.ts'
import { createNetwork, type Network } from '#replica/network/create-network.ts'
import { createBrowserPlatform } from '#replica/network/libp2p-options.dom.ts'
import { createPeerConnectionBudget } from '#replica/network/peer-connection-budget.ts'
import type { NetworkStatus } from '#replica/replica.ts'

export interface SelectedPair {
  readonly state: string
  readonly localType: string
  readonly remoteType: string
  readonly bytesSent: number
}

/** What a test can do in the page, as `window.networkPage`. */
export interface NetworkPage {
  start(nodes: readonly string[], init: { readonly allowDirect: boolean }): Promise<string>
  status(): NetworkStatus
  connectDirect(peerId: string, multiaddrs: readonly string[], timeoutMs: number): Promise<boolean>
  listen(topic: string): void
  publish(topic: string, text: string): Promise<void>
  heard(): readonly string[]
  subscribers(topic: string): number
  peerConnections(): number
  iceServers(): readonly RTCIceServer[]
  /** The ICE pairs that carry the open connections. */
  selectedPairs(): Promise<readonly SelectedPair[]>
  stop(): Promise<void>
}

declare global {
  interface Window {
    networkPage: NetworkPage
  }
}

let network: Network | null = null
const texts: string[] = []

function running(): Network {
  if (network === null) {
    throw new Error('network is not started')
  }
  return network
}

window.networkPage = {
  start: async (nodes, { allowDirect }) => {
    network = await createNetwork(
      {
        blockstore: new MemoryBlockstore(),
        datastore: new MemoryDatastore(),
        platform: createBrowserPlatform(
          { budget: createPeerConnectionBudget({}) },
          { allowDirect, wantedRelays: 1 }
        ),
        clock: createSystemClock(),
        random: Math.random
      },
      { nodes }
    )
    network.libp2p.services.pubsub.addEventListener('message', ({ detail }) => {
      texts.push(new TextDecoder().decode(detail.data))
    })
    return network.peerId
  },
  status: () => running().status(),
  connectDirect: (peerId, multiaddrs, timeoutMs) =>
    running().connectDirect(peerId, multiaddrs, AbortSignal.timeout(timeoutMs)),
  listen: (topic) => {
    running().libp2p.services.pubsub.subscribe(topic)
  },
  publish: async (topic, text) => {
    await running().libp2p.services.pubsub.publish(topic, new TextEncoder().encode(text))
  },
  heard: () => texts,
  subscribers: (topic) => running().libp2p.services.pubsub.getSubscribers(topic).length,
  peerConnections: () => recordedPeerConnections.length,
  iceServers: () =>
    recordedPeerConnections.flatMap((connection) => connection.getConfiguration().iceServers ?? []),
  selectedPairs: async () => {
    const open = recordedPeerConnections.filter(
      ({ connectionState }) => connectionState === 'connected'
    )
    const pairs = await Promise.all(open.map(readSelectedPair))
    return pairs.filter((pair) => pair !== null)
  },
  stop: async () => {
    await running().stop()
  }
}

async function readSelectedPair(connection: RTCPeerConnection): Promise<SelectedPair | null> {
  const reports = new Map<string, Readonly<Record<string, unknown>>>()
  const stats = await connection.getStats()
  stats.forEach((report: Readonly<Record<string, unknown>>, id) => {
    reports.set(id, report)
  })
  const transport = [...reports.values()].find((report) => report['type'] === 'transport')
  const pair = reports.get(String(transport?.['selectedCandidatePairId']))
  if (pair === undefined) {
    return null
  }
  const typeOf = (id: unknown): string => String(reports.get(String(id))?.['candidateType'])
  return {
    state: String(pair['state']),
    localType: typeOf(pair['localCandidateId']),
    remoteType: typeOf(pair['remoteCandidateId']),
    bytesSent: Number(pair['bytesSent'])
  }
}
