import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { MAX_SYNC_FRAME_BYTES, SYNC_IDLE_TIMEOUT_MS } from '#protocol/limits.ts'
import { logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { DIGEST_PROTOCOL, SYNC_PROTOCOL } from '#protocol/protocol-ids.ts'
import type { HeldLog, LogCatalogue } from '../log-catalogue.ts'
import { abortable } from '../network/abortable.ts'
import type { Clock } from '../network/clock.ts'
import type { NetworkServices } from '../network/network-platform.ts'
import type { Sha256 } from '../orbitdb/entry-hash.ts'
import { createLogKeys } from '../orbitdb/log-keys.ts'
import { forgetLog, storedLogs } from '../orbitdb/log-state.ts'
import { openOrbitLog } from '../orbitdb/orbit-log.ts'
import type { OrbitLog } from '../orbitdb/orbit-log.ts'
import type { Replica, SyncOutcome } from '../replica.ts'
import { SALT_BYTES } from './digest-messages.ts'
import type { Comparison, Digest } from './digest-messages.ts'
import { answerDigest, askDigest, MAX_DIGEST_STREAMS } from './digest-protocol.ts'
import { answerExchange, initiateExchange } from './exchange.ts'
import type { ExchangeOutcome } from './exchange.ts'
import { createFrameStream } from './frame-stream.ts'
import type { FrameStream } from './frame-stream.ts'
import { createGossip } from './gossip.ts'
import { createLogLeases } from './log-leases.ts'
import type { UseLog } from './log-leases.ts'
import { createLogStates } from './log-states.ts'
import { createMeetings } from './meetings.ts'
import { createStockHeads } from './stock-heads.ts'
import type { FetchBlock } from './stock-heads.ts'
import { createSyncScheduler } from './sync-scheduler.ts'

/** Sync streams that one connection may have open towards us. */
const MAX_INBOUND_STREAMS = 32
/** Heads of one exchange that are told to the other followers; who lacks their ancestors asks for them. */
const MAX_ANNOUNCED_HEADS = 8
/** A held log that no connected peer follows any more is unfollowed after this time: most peers come back at once. */
const UNFOLLOW_DELAY_MS = 60_000

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
  readonly randomBytes: (length: number) => Uint8Array
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
  /** Held logs that stay open although nobody uses them. @default as in `log-leases.ts` */
  readonly maxIdleLogs?: number
}

/** The logs of one process and everything that replicates them. */
export interface LogEngine extends Pick<
  Replica,
  'open' | 'forget' | 'get' | 'sync' | 'waitFor' | 'hold' | 'useHeld'
> {
  /** Logs that are open now, those that are open for a while included. */
  openCount(): number
  /** Runs anti-entropy now, with every connected peer. */
  wake(): void
  /** Gossip from this peer may have been lost: compares every log that it may share. */
  syncWithPeer(peerId: string): void
  /** Closes all logs and ends all exchanges. May be called twice, never throws. */
  stop(): Promise<void>
}

/** A log for the time of some work. */
interface Lease {
  readonly log: OrbitLog
  readonly release: () => void
}

export async function createLogEngine(
  components: LogEngineComponents,
  init: LogEngineInit = {}
): Promise<LogEngine> {
  const { store, libp2p, verifier, clock, random, randomBytes } = components
  const { pubsub } = libp2p.services
  const antiEntropyMs = init.antiEntropyMs ?? 45_000
  const stopped = new AbortController()
  const { signal } = stopped
  const openings = new Map<LogAddress, Promise<OrbitLog>>()
  const logs = new Map<LogAddress, OrbitLog>()
  /** Logs that a caller has opened: open until closed, offered to everybody. The others are open for a while only. */
  const owned = new Map<LogAddress, Promise<void>>()
  const forgetting = new Map<LogAddress, Promise<void>>()
  /** Held logs that a connected peer says that it follows. */
  const heldOfPeer = new Map<string, Set<LogAddress>>()
  const frameStreams = new Set<FrameStream>()
  const ownId = libp2p.peerId.toString()
  let catalogue: LogCatalogue | undefined
  let cancelRound = (): void => undefined
  let cancelUnfollowing: (() => void) | undefined

  const states = createLogStates({
    ...(components.sha256 === undefined ? {} : { sha256: components.sha256 }),
    openLog: (address) => logs.get(address)
  })
  const leases = createLogLeases(
    {
      clock,
      close: (address) => {
        if (!owned.has(address)) void logs.get(address)?.close()
      }
    },
    init.maxIdleLogs === undefined ? {} : { maxIdle: init.maxIdleLogs }
  )
  const useLog: UseLog = async (address, work) => {
    const lease = await leaseLog(address)
    if (lease === undefined) return undefined
    try {
      return await work(lease.log)
    } finally {
      lease.release()
    }
  }
  const gossip = createGossip({
    pubsub,
    verifier,
    clock,
    useLog,
    onHeld: (address, peerIds) => void fetchHeld(address, peerIds)
  })
  const scheduler = createSyncScheduler({
    clock,
    entriesOf: (address) => states.entriesOf(address),
    exchange: exchangeWith
  })
  const meetings = createMeetings({
    clock,
    scheduler,
    peers: reachablePeers,
    openLogs: () => [...owned.keys()],
    heldLogsOf: (peerId) =>
      [...(heldOfPeer.get(peerId) ?? [])].filter((address) => states.has(address)),
    entriesOf: (address) => states.entriesOf(address),
    isFollowing: (address, peerId) => gossip.followersOf(address).includes(peerId),
    compare: compareWith
  })
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

  function reachablePeers(): string[] {
    return libp2p
      .getPeers()
      .map(String)
      .filter((peerId) => openConnections(peerId).length > 0)
  }

  /** Peers that follow a log and can be reached without a relay. */
  function followersOf(address: LogAddress): string[] {
    return gossip.followersOf(address).filter((peerId) => openConnections(peerId).length > 0)
  }

  function isStopped(): boolean {
    return signal.aborted
  }

  function findHeld(address: LogAddress): HeldLog | undefined {
    return forgetting.has(address) ? undefined : catalogue?.find(address)
  }

  /** The log, opened if it is held for others; stays open until it is released, unless its owner closes it. */
  async function leaseLog(address: LogAddress): Promise<Lease | undefined> {
    if (owned.has(address)) {
      const log = logs.get(address)
      return log === undefined ? undefined : { log, release: () => undefined }
    }
    const held = findHeld(address)
    if (held === undefined || signal.aborted) return undefined
    const release = leases.take(address)
    try {
      return { log: await openHeld(address, held), release }
    } catch (error) {
      release()
      if (!isStopped()) catalogue?.onBroken(address, error)
      throw error
    }
  }

  async function openHeld(address: LogAddress, held: HeldLog): Promise<OrbitLog> {
    // Looked at here and not at the start, which would compute it for every log that is held.
    if (logAddressOf(held.manifest) !== address)
      throw new DeadDropError(
        'storage-corrupt',
        'manifest of a held log is not that of its address'
      )
    const closing = logs.get(address)
    if (closing?.isClosed === true) await closing.close()
    const isNew = !openings.has(address)
    const log = await openOnce(held.manifest, address)
    if (isNew) {
      log.grant({ mayStore: held.mayStore })
      catalogue?.onStored(address, log.size(), 0)
    }
    if (!states.has(address)) {
      // Held since just now: there may be peers who have been waiting for it.
      states.add(address)
      for (const peerId of gossip.followersOf(address)) followFor(peerId, [address])
    }
    return log
  }

  /** Follows held logs for a peer that says that it follows them. */
  function followFor(peerId: string, addresses: readonly LogAddress[]): void {
    const wanted = heldOfPeer.get(peerId) ?? new Set()
    for (const address of addresses) wanted.add(address)
    heldOfPeer.set(peerId, wanted)
    gossip.followQuietly(addresses, peerId)
    for (const address of addresses) meetings.onFollowed(address, peerId)
  }

  /** Looks once, some time after followers have left, at everything that is followed for others. */
  function planUnfollowing(): void {
    cancelUnfollowing ??= clock.after(UNFOLLOW_DELAY_MS, () => {
      cancelUnfollowing = undefined
      for (const address of gossip.quietlyFollowed())
        if (gossip.followersOf(address).length === 0) gossip.unfollow(address)
    })
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
    const begun = scheduler.mark()
    try {
      const outcome = await useLog(address, async (log) => {
        const [connection] = openConnections(peerId)
        if (signal.aborted || connection === undefined) return failed
        const { entries } = log.size()
        const exchanged = await exchangeOver(connection, log)
        if (exchanged.kind === 'settled')
          scheduler.noteSettled(address, peerId, entries + exchanged.received)
        await announce(log, exchanged)
        return {
          peerId,
          kind: exchanged.kind,
          received: exchanged.received,
          sent: exchanged.sent
        }
      })
      if (outcome === undefined) return failed
      if (outcome.kind !== 'unsupported') return outcome
      // Refused since the peer is at it itself: its exchange is as good as ours.
      await scheduler.whenAnswered(address, peerId)
      const hasSettled = (scheduler.lastSettled(address, peerId)?.order ?? 0) > begun
      return hasSettled ? { ...outcome, kind: 'settled' } : outcome
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
    const undo: (() => void)[] = []
    let entries = 0
    try {
      const answered = await answerExchange(framesOf(stream), async (address) => {
        // Both have begun at once: one of the two goes on.
        if (scheduler.isInitiating(address, peerId) && ownId < peerId) return undefined
        undo.push(scheduler.noteAnswering(address, peerId))
        const lease = await leaseLog(address)
        if (lease === undefined) return undefined
        undo.push(lease.release)
        entries = lease.log.size().entries
        return lease.log
      })
      if (answered === undefined) return
      const { log, outcome } = answered
      if (outcome.kind === 'settled')
        scheduler.noteSettled(log.address, peerId, entries + outcome.received)
      for (const noteEnd of undo.splice(0, 1)) noteEnd()
      await announce(log, outcome)
    } catch {
      stream.abort(new Error('log cannot be read'))
    } finally {
      for (const step of undo) step()
    }
  }

  async function compareWith(
    peerId: string,
    addresses: readonly LogAddress[]
  ): Promise<'unsupported' | 'failed' | readonly Comparison[]> {
    const [connection] = openConnections(peerId)
    if (connection === undefined) return 'failed'
    try {
      const salt = randomBytes(SALT_BYTES)
      const items = await Promise.all(addresses.map((address) => states.itemFor(address, salt)))
      return (await askDigest(connection, { salt, items }, signal)) ?? 'unsupported'
    } catch {
      return 'failed'
    }
  }

  async function onDigest(stream: Stream, connection: Connection): Promise<void> {
    const peerId = connection.remotePeer.toString()
    const compare = async ({ salt, items }: Digest): Promise<readonly Comparison[]> =>
      Promise.all(
        items.map(async (item) => {
          const { comparison, same } = await states.compare(item, salt)
          if (same !== undefined) scheduler.noteSettled(same, peerId, states.entriesOf(same) ?? 0)
          return comparison
        })
      )
    await answerDigest(stream, compare, signal)
  }

  /** Ancestors are asked from who sent the descendant, then from everybody. */
  async function fetchHeld(address: LogAddress, peerIds: ReadonlySet<string>): Promise<void> {
    await useLog(address, async (log) => {
      await Promise.all([...peerIds].map((peerId) => scheduler.run(address, peerId)))
      if (!log.hasHeld) return
      await Promise.all(
        followersOf(address)
          .filter((peerId) => !peerIds.has(peerId))
          .map((peerId) => scheduler.run(address, peerId))
      )
    }).catch(() => undefined)
  }

  function planRound(): void {
    cancelRound = clock.after(antiEntropyMs * (2 / 3 + (2 / 3) * random()), () => {
      // The other side runs rounds, too: what it has compared lately is left out.
      void meetings.runRound(clock.now() - antiEntropyMs / 2)
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
          onClosed(log)
        }
      },
      manifest
    )
    if (signal.aborted) throw new DeadDropError('stopped', 'replica is stopped')
    logs.set(address, log)
    log.addEventListener('entries', ({ detail }) => {
      if (findHeld(address) !== undefined) catalogue?.onStored(address, log.size(), detail.length)
    })
    return log
  }

  function openOnce(manifest: LogManifest, address: LogAddress): Promise<OrbitLog> {
    let opening = openings.get(address)
    if (opening === undefined) {
      opening = openLog(manifest, address)
      openings.set(address, opening)
      opening.catch(() => openings.delete(address))
    }
    return opening
  }

  function onClosed(log: OrbitLog): void {
    const { address } = log
    if (logs.get(address) !== log) return
    logs.delete(address)
    openings.delete(address)
    leases.forget(address)
    if (owned.delete(address)) {
      gossip.unfollow(address)
      stockHeads?.unfollow(address).catch(() => undefined)
    }
    if (findHeld(address) === undefined) {
      states.delete(address)
      return
    }
    const { entries } = log.size()
    log.heads().then(
      (heads) => {
        if (states.has(address) && !logs.has(address)) states.note(address, entries, heads)
      },
      () => undefined
    )
  }

  /** From now on the log is open until its owner closes it. */
  async function own(log: OrbitLog): Promise<void> {
    // Before gossip tells that we follow the log: a stock peer dials at once, and does not try twice.
    await stockHeads?.follow(log)
    states.add(log.address)
    gossip.follow(log.address)
    meetings.onOpened(log.address)
  }

  async function forgetOne(address: LogAddress): Promise<void> {
    // A log that is too damaged to open can still be deleted.
    const log = await openings.get(address)?.catch(() => undefined)
    await log?.close()
    gossip.unfollow(address)
    states.delete(address)
    await forgetLog(store, createLogKeys(address))
  }

  const handling = { runOnLimitedConnection: false }
  await libp2p.handle(SYNC_PROTOCOL, onStream, {
    ...handling,
    maxInboundStreams: MAX_INBOUND_STREAMS
  })
  await libp2p.handle(DIGEST_PROTOCOL, onDigest, {
    ...handling,
    maxInboundStreams: MAX_DIGEST_STREAMS
  })
  pubsub.addEventListener(
    'subscription-change',
    ({ detail }) => {
      const peerId = detail.peerId.toString()
      const wanted: LogAddress[] = []
      for (const { topic, subscribe } of detail.subscriptions) {
        const address = topic as LogAddress // any other string is simply not a key
        if (owned.has(address)) {
          if (subscribe) meetings.onFollowed(address, peerId)
        } else if (!subscribe) {
          if (heldOfPeer.get(peerId)?.delete(address) === true) planUnfollowing()
        } else if (findHeld(address) !== undefined) {
          wanted.push(address)
        }
      }
      if (wanted.length > 0) followFor(peerId, wanted)
    },
    { signal }
  )
  libp2p.addEventListener(
    'connection:open',
    ({ detail }) => {
      // Subscriptions of a peer outlive its connections: an upgraded link brings no new ones.
      if (detail.limits === undefined)
        meetings.onConnected(detail.remotePeer.toString(), detail.direction === 'outbound')
    },
    { signal }
  )
  libp2p.addEventListener(
    'peer:disconnect',
    ({ detail }) => {
      const peerId = detail.toString()
      meetings.onDisconnected(peerId)
      if (heldOfPeer.delete(peerId)) planUnfollowing()
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
      const log = await openOnce(manifest, address)
      log.grant(options)
      let owning = owned.get(address)
      if (owning === undefined) {
        owning = own(log)
        owned.set(address, owning)
        owning.catch(() => owned.delete(address))
      }
      await owning
      return log
    },
    get: (address) => (owned.has(address) ? logs.get(address) : undefined),
    openCount: () => logs.size,
    async forget(address) {
      let running = forgetting.get(address)
      if (running === undefined) {
        running = forgetOne(address).finally(() => forgetting.delete(address))
        forgetting.set(address, running)
      }
      await running
    },
    async hold(newCatalogue) {
      for await (const { address, size, heads } of storedLogs(store)) {
        if (newCatalogue.find(address) === undefined) continue
        states.note(address, size.entries, heads)
        newCatalogue.onStored(address, size, 0)
      }
      catalogue = newCatalogue
      for (const address of newCatalogue.addresses()) {
        states.add(address)
        // Peers that came before the catalogue.
        for (const peerId of gossip.followersOf(address)) followFor(peerId, [address])
      }
    },
    useHeld: useLog,
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
    wake: () => {
      meetings.compareAll()
    },
    syncWithPeer: (peerId) => {
      meetings.compareAll(peerId)
    },
    async stop() {
      if (signal.aborted) return
      stopped.abort()
      cancelRound()
      cancelUnfollowing?.()
      meetings.stop()
      leases.stop()
      for (const protocol of [SYNC_PROTOCOL, DIGEST_PROTOCOL])
        await libp2p.unhandle(protocol).catch(() => undefined)
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
