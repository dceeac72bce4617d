import type { LogAddress } from '#protocol/brand.ts'
import { MAX_DIGEST_LOGS } from '#protocol/limits.ts'
import type { Clock } from '../network/clock.ts'
import type { Comparison } from './digest-messages.ts'
import { MAX_PARALLEL_PER_PEER } from './sync-scheduler.ts'
import type { SyncScheduler } from './sync-scheduler.ts'

/** Logs that want to be compared with a peer at about the same time share a digest. */
const GATHER_MS = 20
/** Who sees that a peer follows a log leaves the first word to the peer, which has just opened it, for this long. */
const SECOND_INITIATOR_DELAY_MS = 2_000
/** Exchanges of one log with one peer that may fail one after the other before it is left to anti-entropy. */
const MAX_FAILURES = 4
/** Peers that a log is offered to when it is opened; the others are met when they say that they follow it. */
const MAX_GREETED_PEERS = 32
/** Digests of one round that may be under way. */
const MAX_PARALLEL_DIGESTS = 16

/** Decides when which log is compared with which peer. What is lost here, the next round of anti-entropy repairs. */
export interface Meetings {
  /** A log was opened here: whoever is connected may have something for it. */
  onOpened(address: LogAddress): void
  /** An unlimited connection stands. @param isDialler - one side is enough to begin. */
  onConnected(peerId: string, isDialler: boolean): void
  /** A peer says that it follows a log that is followed here. */
  onFollowed(address: LogAddress, peerId: string): void
  onDisconnected(peerId: string): void
  /** Compares everything with one peer, or with all of them. */
  compareAll(peerId?: string): void
  /** Compares what was not found equal since `sinceMs`. */
  runRound(sinceMs: number): Promise<void>
  stop(): void
}

export interface MeetingsComponents {
  readonly clock: Clock
  readonly scheduler: SyncScheduler
  /** Peers that can be reached without a relay. */
  readonly peers: () => readonly string[]
  /** Logs that were opened here. */
  readonly openLogs: () => readonly LogAddress[]
  /** Logs that are held for others, and that this peer follows. */
  readonly heldLogsOf: (peerId: string) => readonly LogAddress[]
  /** Entries of a log; `undefined` when it is not here. */
  readonly entriesOf: (address: LogAddress) => number | undefined
  readonly isFollowing: (address: LogAddress, peerId: string) => boolean
  /** `undefined` when the peer speaks no digests, or did not answer this one. Must not reject. */
  readonly compare: (
    peerId: string,
    addresses: readonly LogAddress[]
  ) => Promise<'unsupported' | 'failed' | readonly Comparison[]>
}

/** What is remembered of a connected peer. */
interface Acquaintance {
  readonly due: Set<LogAddress>
  /** It said that it does not follow these; until it says otherwise it is not asked again. */
  readonly strange: Set<LogAddress>
  /** The first word about these is left to the peer for a while; since which mark. */
  readonly expected: Map<LogAddress, number>
  readonly failures: Map<LogAddress, number>
  speaksDigests: boolean
  isComparing: boolean
  cancelGathering: (() => void) | undefined
  cancelExpecting: (() => void) | undefined
}

export function createMeetings(components: MeetingsComponents): Meetings {
  const { clock, scheduler, peers, openLogs, heldLogsOf, entriesOf, isFollowing, compare } =
    components
  const acquaintances = new Map<string, Acquaintance>()
  let isStopped = false

  function acquaintanceOf(peerId: string): Acquaintance {
    let acquaintance = acquaintances.get(peerId)
    if (acquaintance === undefined) {
      acquaintance = {
        due: new Set(),
        strange: new Set(),
        expected: new Map(),
        failures: new Map(),
        speaksDigests: true,
        isComparing: false,
        cancelGathering: undefined,
        cancelExpecting: undefined
      }
      acquaintances.set(peerId, acquaintance)
    }
    return acquaintance
  }

  /** Exchanges one log unless it has settled since. */
  async function settle(address: LogAddress, peerId: string, since: number): Promise<void> {
    const { kind } = await scheduler.settle(address, peerId, since)
    const acquaintance = acquaintances.get(peerId)
    if (acquaintance === undefined) return
    if (kind === 'settled') {
      acquaintance.failures.delete(address)
      return
    }
    if (!isFollowing(address, peerId)) {
      if (kind === 'unsupported') acquaintance.strange.add(address)
      return
    }
    // It may have refused a log that it follows since both began at once: then it is the one that goes on.
    const failures = (acquaintance.failures.get(address) ?? 0) + 1
    acquaintance.failures.set(address, failures)
    if (failures <= MAX_FAILURES) expect(address, peerId, acquaintance)
  }

  /** Gives the peer time to begin; begins here when it has not. */
  function expect(address: LogAddress, peerId: string, acquaintance: Acquaintance): void {
    acquaintance.expected.set(address, scheduler.mark())
    acquaintance.cancelExpecting ??= clock.after(SECOND_INITIATOR_DELAY_MS, () => {
      acquaintance.cancelExpecting = undefined
      const missed = [...acquaintance.expected].flatMap(([each, since]) =>
        scheduler.isSettled(each, peerId, since) ? [] : [each]
      )
      acquaintance.expected.clear()
      makeDue(missed, peerId, acquaintance)
    })
  }

  /** Compares a log soon, in one digest with whatever else is due by then. */
  function makeDue(
    addresses: Iterable<LogAddress>,
    peerId: string,
    acquaintance: Acquaintance
  ): void {
    for (const address of addresses) {
      if (!acquaintance.strange.has(address)) acquaintance.due.add(address)
    }
    if (acquaintance.due.size === 0 || acquaintance.isComparing || isStopped) return
    acquaintance.cancelGathering ??= clock.after(GATHER_MS, () => {
      acquaintance.cancelGathering = undefined
      void compareDue(peerId, acquaintance)
    })
  }

  async function compareDue(peerId: string, acquaintance: Acquaintance): Promise<void> {
    if (acquaintance.isComparing) return
    acquaintance.isComparing = true
    try {
      while (acquaintance.due.size > 0 && acquaintances.get(peerId) === acquaintance) {
        const since = scheduler.mark()
        const batch = [...acquaintance.due].slice(0, MAX_DIGEST_LOGS)
        for (const address of batch) acquaintance.due.delete(address)
        const [only] = batch
        if (batch.length === 1 && only !== undefined) {
          // The exchange itself says as much, a round trip earlier.
          void settle(only, peerId, since)
          continue
        }
        await compareBatch(peerId, acquaintance, batch, since)
      }
    } finally {
      acquaintance.isComparing = false
    }
  }

  async function compareBatch(
    peerId: string,
    acquaintance: Acquaintance,
    batch: readonly LogAddress[],
    since: number
  ): Promise<void> {
    const entries = batch.map(entriesOf)
    const answer = acquaintance.speaksDigests ? await compare(peerId, batch) : 'unsupported'
    if (isStopped || acquaintances.get(peerId) !== acquaintance) return
    if (answer === 'unsupported') acquaintance.speaksDigests = false
    if (answer === 'unsupported' || answer === 'failed') {
      // Whoever of them follows a log is met by its subscription, too, but that may have come already.
      for (const address of batch) {
        if (isFollowing(address, peerId)) void settle(address, peerId, since)
      }
      return
    }
    answer.forEach((comparison, position) => {
      const address = batch[position]
      if (address === undefined) return
      switch (comparison) {
        case 'unknown':
          if (!isFollowing(address, peerId)) acquaintance.strange.add(address)
          break
        case 'same':
          scheduler.noteSettled(address, peerId, entries[position] ?? 0)
          // Written meanwhile, and the peer may have followed too late to hear of it.
          if (!scheduler.isSettled(address, peerId, since) && isFollowing(address, peerId))
            acquaintance.due.add(address)
          break
        case 'different':
          void settle(address, peerId, since)
          break
      }
    })
  }

  /** What is worth comparing with a peer. */
  function sharedWith(peerId: string): LogAddress[] {
    return [...new Set([...openLogs(), ...heldLogsOf(peerId)])]
  }

  return {
    onOpened(address) {
      for (const peerId of peers().slice(0, MAX_GREETED_PEERS)) {
        const acquaintance = acquaintanceOf(peerId)
        acquaintance.strange.delete(address)
        // A new log has nothing that a digest could save, and its reader waits.
        if (entriesOf(address) === 0 && scheduler.underWay(peerId) < MAX_PARALLEL_PER_PEER)
          void settle(address, peerId, scheduler.mark())
        else makeDue([address], peerId, acquaintance)
      }
    },
    onConnected(peerId, isDialler) {
      const acquaintance = acquaintanceOf(peerId)
      if (isDialler) makeDue(sharedWith(peerId), peerId, acquaintance)
    },
    onFollowed(address, peerId) {
      const acquaintance = acquaintanceOf(peerId)
      acquaintance.strange.delete(address)
      // An exchange that is running may have looked at the log before something was written.
      void scheduler.whenIdle(address, peerId).then(() => {
        if (acquaintances.get(peerId) !== acquaintance) return
        if (scheduler.lastSettled(address, peerId) !== undefined) {
          // Until now nothing was gossiped to this peer: what was written since has not reached it.
          if (!scheduler.isSettled(address, peerId, 0)) makeDue([address], peerId, acquaintance)
        } else if (acquaintance.speaksDigests) expect(address, peerId, acquaintance)
        else void settle(address, peerId, scheduler.mark())
      })
    },
    onDisconnected(peerId) {
      const acquaintance = acquaintances.get(peerId)
      acquaintances.delete(peerId)
      scheduler.forgetPeer(peerId)
      if (acquaintance === undefined) return
      acquaintance.cancelGathering?.()
      acquaintance.cancelExpecting?.()
    },
    compareAll(peerId) {
      for (const each of peerId === undefined ? peers() : [peerId])
        makeDue(sharedWith(each), each, acquaintanceOf(each))
    },
    async runRound(sinceMs) {
      const waiting = peers().values()
      await Promise.all(
        Array.from({ length: MAX_PARALLEL_DIGESTS }, async () => {
          for (const peerId of waiting) {
            const acquaintance = acquaintanceOf(peerId)
            for (const address of sharedWith(peerId)) {
              const atMs = scheduler.lastSettled(address, peerId)?.atMs ?? -Infinity
              const isFresh = atMs >= sinceMs && scheduler.isSettled(address, peerId, 0)
              if (!isFresh && !acquaintance.strange.has(address)) acquaintance.due.add(address)
            }
            await compareDue(peerId, acquaintance)
          }
        })
      )
    },
    stop() {
      isStopped = true
      for (const { cancelGathering, cancelExpecting } of acquaintances.values()) {
        cancelGathering?.()
        cancelExpecting?.()
      }
      acquaintances.clear()
    }
  }
}
