import { noise } from '@libp2p/noise'
import { yamux } from '@libp2p/yamux'
import { gossipsub, type GossipsubOpts, type Message, StrictNoSign } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import { FaultTolerance } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Libp2pOptions } from 'libp2p'
import type { NetworkServices } from './network-platform.ts'

/** One dial, all addresses of a peer together, ms. */
export const DIAL_TIMEOUT_MS = 10_000

/** Pings of many tabs and of libp2p's own monitor meet on one connection; the default of 1 refuses all but the first. */
const MAX_PING_STREAMS = 32

/** The default window grows to 16 MiB, but a stream whose reader is 4 MiB behind is dropped (@libp2p/utils 7). */
const MAX_STREAM_WINDOW_BYTES = 2 ** 20

/** Memory for the subscriptions of one peer, bytes: the default stops without an error at about 1000 topics. */
const MAX_TOPIC_BYTES_PER_PEER = 64 * 2 ** 20

type SharedOptions = Libp2pOptions<NetworkServices> &
  Required<Pick<Libp2pOptions<NetworkServices>, 'services'>>

/**
 * What every DeadDrop peer has in common. Each call gives fresh objects.
 *
 * - No peer discovery, no content or peer routing, no DNS resolver: nobody is dialled who was not named.
 * - The agent string is the same for all, so that identify does not tell browsers and versions apart.
 */
export function createSharedOptions(gossip: Partial<GossipsubOpts>): SharedOptions {
  return {
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES } })],
    nodeInfo: { name: 'deaddrop', version: '1', userAgent: 'deaddrop/1' },
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    connectionMonitor: { pingInterval: 15_000 },
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping({ maxInboundStreams: MAX_PING_STREAMS, maxOutboundStreams: MAX_PING_STREAMS }),
      pubsub: gossipsub({
        // Signed gossip would put the peer id of the author on each message, for every relaying peer to see.
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: gossipMessageId,
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        runOnLimitedConnection: false,
        maxTopicBytesPerPeer: MAX_TOPIC_BYTES_PER_PEER,
        // Behind a reverse proxy or an onion service all clients share one address; the default graylists the 15th.
        scoreParams: { IPColocationFactorWeight: 0 },
        ...gossip
      })
    }
  }
}

/**
 * Names a message by topic and data, so that repeats die at once. Gossipsub's own id covers the data alone: who sends a
 * copy on another topic first makes everybody on the way take the original for a repeat.
 */
function gossipMessageId({ topic, data }: Pick<Message, 'topic' | 'data'>): Uint8Array {
  return sha256(concatBytes(utf8ToBytes(topic), Uint8Array.of(0), data))
}

/** Connection manager settings shared by all: no DNS-over-HTTPS at third parties for `/dnsaddr`. */
export function createDialSettings(): NonNullable<Libp2pOptions['connectionManager']> {
  return {
    dialTimeout: DIAL_TIMEOUT_MS,
    // The default of 6 s is too short for relayed WebRTC on a slow phone.
    addressDialTimeout: DIAL_TIMEOUT_MS,
    resolvers: {},
    // Nodes are redialled by node links, for ever; libp2p's own five attempts would only double them.
    reconnectRetries: 0
  }
}
