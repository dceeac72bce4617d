import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import type { LogWriter } from '#protocol/gate.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { LogCatalogue } from './log-catalogue.ts'
import type { LogSize, SealedLog } from './sealed-log.ts'

/** How bytes reach a peer. */
export type Transport =
  'webrtc' | 'webrtc-direct' | 'websocket' | 'tcp' | 'relay' | 'memory' | 'other'

/** One open connection. */
export interface PeerLink {
  readonly peerId: string
  readonly transport: Transport
  /** Over a circuit relay: signalling only, no log data. */
  readonly isLimited: boolean
  readonly direction: 'inbound' | 'outbound'
  readonly multiaddr: string
  /** Round-trip time of the last ping, ms; `null` before the first answer. */
  readonly roundTripMs: number | null
  readonly openedAtMs: number
}

/** State of one configured pinning node. `error` is the reason of the last failed dial. */
export interface NodeLink {
  readonly multiaddr: string
  readonly peerId: string | null
  readonly state: 'connected' | 'connecting' | 'unreachable'
  readonly error: string | null
  /** When the next dial is due, Unix ms; `null` while connected. */
  readonly retryAtMs: number | null
}

export interface NetworkStatus {
  readonly peerId: string
  /** Own addresses that others may dial, relayed WebRTC included. */
  readonly multiaddrs: readonly string[]
  readonly peers: readonly PeerLink[]
  readonly nodes: readonly NodeLink[]
  /** What the platform says (`navigator.onLine`); `true` where it says nothing. */
  readonly isOnline: boolean
}

/** What came in by {@link Replica.handle} and was not answered, since the start. */
export interface RequestCounters {
  /** Requests that were cut, too large, or too slow. */
  readonly refusedRequests: number
  /** Requests whose handler threw or took too long. */
  readonly failedHandlers: number
}

export interface SyncOutcome {
  readonly peerId: string
  /** `unsupported`: the peer does not follow this log or does not speak the protocol. */
  readonly kind: 'settled' | 'failed' | 'unsupported'
  readonly received: number
  readonly sent: number
}

export interface ReplicaEvents {
  /** Something in {@link NetworkStatus} changed; coalesced. */
  network: CustomEvent<NetworkStatus>
}

/**
 * A libp2p peer, a Helia block store and the logs that this process follows.
 *
 * Lifecycle: the factories return a started replica. `stop()` may be called twice and never throws.
 */
export interface Replica {
  readonly peerId: string
  /**
   * Opens a log, or returns the open one: two calls for one address share one log. No network is needed.
   *
   * @param options.writer - the right to append; without it the log can only follow.
   * @param options.mayStore - asked for each entry from a peer before it is stored, in causal order; `false` refuses it
   *   as `over-quota`. `size` is what the log would have with it. A node's quota.
   */
  open(
    manifest: LogManifest,
    options?: { readonly writer?: LogWriter; readonly mayStore?: (size: LogSize) => boolean }
  ): Promise<SealedLog>
  /** Closes a log and deletes its entries and indexes from disk. A log that is not there is fine. */
  forget(address: LogAddress): Promise<void>
  /** The log of `address` that was opened by {@link open} and not closed, if any. */
  get(address: LogAddress): SealedLog | undefined
  /**
   * Holds logs for others, besides those that are opened here: one is opened when a peer or {@link useHeld} asks for it,
   * followed while a connected peer follows it, and closed when nobody has used it for a while. Peers that do not follow a
   * held log are not told of it. Called once.
   */
  hold(catalogue: LogCatalogue): Promise<void>
  /**
   * Works on a held log, which stays open meanwhile.
   *
   * @returns what `work` gave; `undefined` for a log that is neither open nor held.
   * @throws {DeadDropError} `storage-corrupt` when the log cannot be opened; or what `work` threw.
   */
  useHeld<T>(address: LogAddress, work: (log: SealedLog) => Promise<T>): Promise<T | undefined>
  /** Exchanges heads and missing entries of one log with one peer, or with every unlimited peer that follows it. */
  sync(
    address: LogAddress,
    options: { readonly peerId?: string; readonly signal: AbortSignal }
  ): Promise<readonly SyncOutcome[]>
  /** Resolves `true` as soon as the log has all of `hashes`, `false` when `signal` aborts first. */
  waitFor(address: LogAddress, hashes: readonly EntryHash[], signal: AbortSignal): Promise<boolean>
  network(): NetworkStatus
  /** Replaces the set of nodes to stay connected to, for ever, with back-off. Malformed addresses throw `node-address-malformed`. */
  setNodes(multiaddrs: readonly string[]): void
  /** Dials at once what waits for its back-off, and runs anti-entropy: after `online`, wake-up or a click on "Retry". */
  wake(): void
  /**
   * Upgrades to a direct connection to a member (WebRTC through the relays in `multiaddrs`), within the budget and
   * back-off of this page. Resolves `true` when an unlimited connection stands. Never throws.
   */
  connectDirect(
    peerId: string,
    multiaddrs: readonly string[],
    signal: AbortSignal
  ): Promise<boolean>
  /**
   * Opens a stream to a node, sends one length-prefixed message, returns the one answer.
   *
   * @throws {DeadDropError} `node-unreachable` on dial failure or timeout, `node-misbehaved` on a broken or oversized answer.
   */
  request(
    peerId: string,
    protocol: string,
    message: Uint8Array,
    options: { readonly maxAnswerBytes: number; readonly signal: AbortSignal }
  ): Promise<Uint8Array>
  /** Signs with the Ed25519 key inside {@link peerId}; 64 bytes. The caller prefixes the domain (`withContext`). */
  signAsPeer(message: Uint8Array): Promise<Uint8Array>
  /** Answers {@link request}s. The handler gets at most `maxBytes`; a throw inside it closes the stream and is counted. */
  handle(
    protocol: string,
    options: { readonly maxBytes: number },
    handler: (message: Uint8Array, from: string) => Promise<Uint8Array>
  ): Promise<void>
  requestCounters(): RequestCounters
  addEventListener<K extends keyof ReplicaEvents>(
    type: K,
    listener: (event: ReplicaEvents[K]) => void,
    options?: { signal?: AbortSignal }
  ): void
  stop(): Promise<void>
}
