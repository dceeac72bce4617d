import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { MAX_SYNC_FRAME_BYTES, SYNC_IDLE_TIMEOUT_MS } from '#protocol/limits.ts'
import { logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { SYNC_PROTOCOL } from '#protocol/protocol-ids.ts'
import { abortable } from '../network/abortable.ts'
import type { Clock } from '../network/clock.ts'
import type { NetworkServices } from '../network/network-platform.ts'
import type { Sha256 } from '../orbitdb/entry-hash.ts'
import { createLogKeys } from '../orbitdb/log-keys.ts'
import { forgetLog } from '../orbitdb/log-state.ts'
import { openOrbitLog } from '../orbitdb/orbit-log.ts'
import type { OrbitLog } from '../orbitdb/orbit-log.ts'
import type { Replica, SyncOutcome } from '../replica.ts'
import { answerExchange, initiateExchange } from './exchange.ts'
import type { ExchangeOutcome } from './exchange.ts'
import { createFrameStream } from './frame-stream.ts'
import type { FrameStream } from './frame-stream.ts'
import { createGossip } from './gossip.ts'
import { createStockHeads } from './stock-heads.ts'
import type { FetchBlock } from './stock-heads.ts'
import { createSyncScheduler } from './sync-scheduler.ts'

/** Sync streams that one connection may have open towards us. */
const MAX_INBOUND_STREAMS = 32
/** Heads of one exchange that are told to the other followers; who lacks their ancestors asks for them. */
const MAX_ANNOUNCED_HEADS = 8
/** The side with the greater peer id leaves the first exchange to the other for this long. */
const SECOND_INITIATOR_DELAY_MS = 2_000

export interface LogEngineComponents {
  /** Holds entries and indexes. Closed by its owner, after {@link LogEngine.stop}. */
  readonly store: KeyValueStore
  /** Started, with gossipsub in `StrictNoSign`. Stopped by its owner, after {@link LogEngine.stop}. */
  readonly libp2p: Libp2p<NetworkServices>
  readonly verifier: SignatureVerifier
  /** @default in script, where the platform has no synchronous one */
  readonly sha256?: Sha256
  readonly clock: Clock
  /** Uniform in [0, 1); spreads anti-entropy, guards nothing. */
  readonly random: () => number
  /** Used for {@link LogEngineInit.serveStockPeers} only. */
  readonly fetchBlock: FetchBlock
}

export interface LogEngineInit {
  /** Mean time between two rounds of anti-entropy, ms; each is 2/3..4/3 of it. @default 45_000 */
  readonly antiEntropyMs?: number
  /**
   * Also speaks the heads protocol of OrbitDB 4, so that peers without ours catch up and are caught up with. It has no
   * framing, and a peer that lacks an ancestor asks for it block by block: slow, and whoever is admitted to a log can make
   * this replica store up to 10,000 blocks that never become entries. Each open log is one more protocol in what identify
   * tells, whose messages end at 8 KiB: for replicas with fewer than a hundred logs.
   *
   * @default false
   */
  readonly serveStockPeers?: boolean
}

/** The logs of one process and everything that replicates them. */
export interface LogEngine extends Pick<Replica, 'open' | 'forget' | 'get' | 'sync' | 'waitFor'> {
  /** Runs anti-entropy now, with every follower of every log. */
  wake(): void
  /** Gossip from this peer may have been lost: exchanges every log that it follows. */
  syncWithPeer(peerId: string): void
  /** Closes all logs and ends all exchanges. May be called twice, never throws. */
  stop(): Promise<void>
}

export async function createLogEngine(
  components: LogEngineComponents,
  init: LogEngineInit = {}
): Promise<LogEngine> {
  const { store, libp2p, verifier, clock, random } = components
  const { pubsub } = libp2p.services
  const antiEntropyMs = init.antiEntropyMs ?? 45_000
  const stopped = new AbortController()
  const { signal } = stopped
  const openings = new Map<LogAddress, Promise<OrbitLog>>()
  const logs = new Map<LogAddress, OrbitLog>()
  const forgetting = new Map<LogAddress, Promise<void>>()
  const frameStreams = new Set<FrameStream>()
  const ownId = libp2p.peerId.toString()
  let cancelRound = (): void => undefined

  const gossip = createGossip({
    pubsub,
    verifier,
    clock,
    onHeld: (address, peerIds) => void fetchHeld(address, peerIds)
  })
  const scheduler = createSyncScheduler({ clock, exchange: exchangeWith })
  const stockHeads =
    init.serveStockPeers === true
      ? createStockHeads(
          {
            clock,
            fetchBlock: components.fetchBlock,
            handle: (...args) => libp2p.handle(...args),
            unhandle: (protocol) => libp2p.unhandle(protocol),
            onExchanged: announce
          },
          signal
        )
      : undefined

  function openConnections(peerId: string): Connection[] {
    return libp2p
      .getConnections(peerIdFromString(peerId))
      .filter(({ status, limits }) => status === 'open' && limits === undefined)
  }

  /** Peers that follow a log and can be reached without a relay. */
  function followersOf(address: LogAddress): string[] {
    return pubsub
      .getSubscribers(address)
      .map(String)
      .filter((peerId) => openConnections(peerId).length > 0)
  }

  function framesOf(stream: Stream): FrameStream {
    const frames = createFrameStream(
      { stream, clock },
      { maxFrameBytes: MAX_SYNC_FRAME_BYTES, idleTimeoutMs: SYNC_IDLE_TIMEOUT_MS }
    )
    frameStreams.add(frames)
    stream.addEventListener('close', () => frameStreams.delete(frames), { once: true })
    return frames
  }

  /** What came by an exchange was not gossiped here: the other followers may be waiting for it. */
  async function announce(log: OrbitLog, { newHeads }: ExchangeOutcome): Promise<void> {
    if (newHeads.size === 0 || log.isClosed) return
    for (const bytes of await log.headBlocks(MAX_ANNOUNCED_HEADS, newHeads)) {
      gossip.publishEntry(log.address, { bytes })
    }
  }

  async function exchangeWith(address: LogAddress, peerId: string): Promise<SyncOutcome> {
    const failed = failedOutcome(peerId)
    try {
      const log = logs.get(address)
      const [connection] = openConnections(peerId)
      if (log === undefined || signal.aborted || connection === undefined) return failed
      const outcome = await exchangeOver(connection, log)
      await announce(log, outcome)
      return { peerId, kind: outcome.kind, received: outcome.received, sent: outcome.sent }
    } catch {
      return failed
    }
  }

  async function exchangeOver(connection: Connection, log: OrbitLog): Promise<ExchangeOutcome> {
    try {
      const stream = await connection.newStream(SYNC_PROTOCOL, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(SYNC_IDLE_TIMEOUT_MS)])
      })
      return await initiateExchange(framesOf(stream), log)
    } catch (error) {
      const isUnsupported = error instanceof Error && error.name === 'UnsupportedProtocolError'
      if (!isUnsupported) throw error
      return (
        (await stockHeads?.exchange(connection, log)) ?? {
          kind: 'unsupported',
          sent: 0,
          received: 0,
          newHeads: new Set()
        }
      )
    }
  }

  async function onStream(stream: Stream, connection: Connection): Promise<void> {
    const peerId = connection.remotePeer.toString()
    let noteEnd = (): void => undefined
    const answered = await answerExchange(framesOf(stream), (address) => {
      const log = logs.get(address)
      if (log !== undefined) noteEnd = scheduler.noteAnswering(address, peerId)
      return log
    })
    if (answered?.outcome.kind === 'settled') scheduler.noteSettled(answered.log.address, peerId)
    noteEnd()
    if (answered !== undefined) await announce(answered.log, answered.outcome)
  }

  /** Ancestors are asked from who sent the descendant, then from everybody. */
  async function fetchHeld(address: LogAddress, peerIds: ReadonlySet<string>): Promise<void> {
    await Promise.all([...peerIds].map((peerId) => scheduler.run(address, peerId)))
    if (logs.get(address)?.hasHeld !== true) return
    await Promise.all(
      followersOf(address)
        .filter((peerId) => !peerIds.has(peerId))
        .map((peerId) => scheduler.run(address, peerId))
    )
  }

  /** Both sides see that they follow the same log; one exchange is enough, and the smaller peer id begins it. */
  function meet(address: LogAddress, peerId: string): void {
    if (openConnections(peerId).length === 0) return
    if (ownId < peerId) {
      void scheduler.run(address, peerId)
      return
    }
    const sinceMs = clock.now()
    const cancel = clock.after(SECOND_INITIATOR_DELAY_MS, () => {
      signal.removeEventListener('abort', cancel)
      // While one runs, a second would only carry the same entries again.
      void scheduler.whenIdle(address, peerId).then(() => {
        if (scheduler.settledAtMs(address, peerId) < sinceMs) void scheduler.run(address, peerId)
      })
    })
    signal.addEventListener('abort', cancel, { once: true })
  }

  function syncWithPeer(peerId: string): void {
    for (const address of logs.keys()) {
      if (pubsub.getSubscribers(address).some((id) => id.toString() === peerId))
        void scheduler.run(address, peerId)
    }
  }

  function runRound(): void {
    for (const address of logs.keys()) {
      for (const peerId of followersOf(address)) void scheduler.run(address, peerId)
    }
  }

  function planRound(): void {
    cancelRound = clock.after(antiEntropyMs * (2 / 3 + (2 / 3) * random()), () => {
      runRound()
      planRound()
    })
  }

  async function openLog(manifest: LogManifest, address: LogAddress): Promise<OrbitLog> {
    const log = await openOrbitLog(
      {
        store,
        verifier,
        ...(components.sha256 === undefined ? {} : { sha256: components.sha256 }),
        publishEntry: (entry) => {
          gossip.publishEntry(address, entry)
        },
        publishLive: (writer, sealed) => gossip.publishLive(address, writer, sealed),
        onClosed: () => {
          if (logs.get(address) !== log) return
          logs.delete(address)
          openings.delete(address)
          gossip.unfollow(address)
          stockHeads?.unfollow(address).catch(() => undefined)
        }
      },
      manifest
    )
    if (signal.aborted) throw new DeadDropError('stopped', 'replica is stopped')
    logs.set(address, log)
    // Before gossip tells that we follow the log: a stock peer dials at once, and does not try twice.
    await stockHeads?.follow(log)
    gossip.follow(log)
    for (const peerId of followersOf(address)) meet(address, peerId)
    return log
  }

  async function forgetOne(address: LogAddress): Promise<void> {
    // A log that is too damaged to open can still be deleted.
    const log = await openings.get(address)?.catch(() => undefined)
    await log?.close()
    await forgetLog(store, createLogKeys(address))
  }

  await libp2p.handle(SYNC_PROTOCOL, onStream, {
    maxInboundStreams: MAX_INBOUND_STREAMS,
    runOnLimitedConnection: false
  })
  pubsub.addEventListener(
    'subscription-change',
    ({ detail }) => {
      for (const { topic, subscribe } of detail.subscriptions) {
        const log = logs.get(topic as LogAddress) // any other string is simply not a key
        if (subscribe && log !== undefined) meet(log.address, detail.peerId.toString())
      }
    },
    { signal }
  )
  libp2p.addEventListener(
    'connection:open',
    ({ detail }) => {
      // Subscriptions of a peer outlive its connections: an upgraded link brings no new ones.
      if (detail.limits === undefined) syncWithPeer(detail.remotePeer.toString())
    },
    { signal }
  )
  libp2p.addEventListener(
    'peer:disconnect',
    ({ detail }) => {
      scheduler.forgetPeer(detail.toString())
    },
    { signal }
  )
  planRound()

  return {
    async open(manifest, options = {}) {
      if (signal.aborted) throw new DeadDropError('stopped', 'replica is stopped')
      const address = logAddressOf(manifest)
      const closing = logs.get(address)
      if (closing?.isClosed === true) await closing.close()
      // What is stored while the rest is being deleted would be deleted too.
      await forgetting.get(address)
      let opening = openings.get(address)
      if (opening === undefined) {
        opening = openLog(manifest, address)
        openings.set(address, opening)
        opening.catch(() => openings.delete(address))
      }
      const log = await opening
      log.grant(options)
      return log
    },
    get: (address) => logs.get(address),
    async forget(address) {
      let running = forgetting.get(address)
      if (running === undefined) {
        running = forgetOne(address).finally(() => forgetting.delete(address))
        forgetting.set(address, running)
      }
      await running
    },
    async sync(address, { peerId, signal: callerSignal }) {
      const peerIds = peerId === undefined ? followersOf(address) : [peerId]
      return Promise.all(
        peerIds.map((id) => orFailed(scheduler.run(address, id), id, callerSignal))
      )
    },
    waitFor(address, hashes, callerSignal) {
      const log = logs.get(address)
      return log === undefined ? Promise.resolve(false) : waitForEntries(log, hashes, callerSignal)
    },
    wake: runRound,
    syncWithPeer,
    async stop() {
      if (signal.aborted) return
      stopped.abort()
      cancelRound()
      await libp2p.unhandle(SYNC_PROTOCOL).catch(() => undefined)
      for (const frames of frameStreams) frames.abort()
      await Promise.allSettled(
        [...openings.values()].map(async (opening) => (await opening).close())
      )
    }
  }
}

function orFailed(
  run: Promise<SyncOutcome>,
  peerId: string,
  signal: AbortSignal
): Promise<SyncOutcome> {
  return abortable(run, signal).catch(() => failedOutcome(peerId))
}

function failedOutcome(peerId: string): SyncOutcome {
  return { peerId, kind: 'failed', received: 0, sent: 0 }
}

async function waitForEntries(
  log: OrbitLog,
  hashes: readonly EntryHash[],
  signal: AbortSignal
): Promise<boolean> {
  const missing = new Set(hashes)
  const done = new AbortController()
  const arrived = new Promise<boolean>((resolve) => {
    const settle = (hasAll: boolean): void => {
      done.abort()
      resolve(hasAll)
    }
    signal.addEventListener(
      'abort',
      () => {
        settle(false)
      },
      { signal: done.signal }
    )
    // Listening begins before the look at the disk, so that nothing falls between the two.
    log.addEventListener(
      'entries',
      ({ detail }) => {
        for (const { hash } of detail) missing.delete(hash)
        if (missing.size === 0) settle(true)
      },
      { signal: done.signal }
    )
    if (signal.aborted) settle(false)
  })
  for (const hash of hashes) if (await log.has(hash)) missing.delete(hash)
  if (missing.size === 0) {
    done.abort()
    return true
  }
  return arrived
}
