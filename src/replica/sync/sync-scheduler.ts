import type { LogAddress } from '#protocol/brand.ts'
import type { SyncOutcome } from '../replica.ts'
import type { Clock } from '../network/clock.ts'

/** Exchanges that may run with one peer at a time; more would only share its bandwidth. */
export const MAX_PARALLEL_PER_PEER = 8
/** A first exchange that brings nothing for so long does not keep other peers waiting. */
const STALL_MS = 1_000

/** When a log was last found to be the same on both sides. */
export interface Settlement {
  readonly atMs: number
  /** Greater than what {@link SyncScheduler.mark} gave before, and smaller than what it gives later. */
  readonly order: number
  /** Entries that the log had here when it was. What came later has not been compared. */
  readonly entries: number
}

/** Starts exchanges: at most one per log and peer, a bounded number per peer, and one more after the running one on request. */
export interface SyncScheduler {
  /**
   * Exchanges after everything that is in the log now. A call during a running exchange waits for it and runs another, since
   * the running one may have looked at the log before.
   */
  run(address: LogAddress, peerId: string): Promise<SyncOutcome>
  /** Now, for {@link settle} and {@link isSettled}: milliseconds are too long for "since". */
  mark(): number
  /** Whether the log has settled since, and nothing was stored here afterwards. */
  isSettled(address: LogAddress, peerId: string, since: number): boolean
  /** Waits for what is running, whoever began it, and exchanges unless that has settled the log since. */
  settle(address: LogAddress, peerId: string, since: number): Promise<SyncOutcome>
  /** Exchanges with this peer that were begun here and have not ended, those that wait for their turn included. */
  underWay(peerId: string): number
  /** Whether an exchange that was begun here is running: not one that waits for its turn. */
  isInitiating(address: LogAddress, peerId: string): boolean
  lastSettled(address: LogAddress, peerId: string): Settlement | undefined
  /** @param entries - see {@link Settlement}. */
  noteSettled(address: LogAddress, peerId: string, entries: number): void
  /** The peer has begun an exchange. @returns to be called once, when it has ended. */
  noteAnswering(address: LogAddress, peerId: string): () => void
  /** Resolves when no exchange that the peer began of this log is running. */
  whenAnswered(address: LogAddress, peerId: string): Promise<void>
  /** Resolves when no exchange of this log with this peer is running, whoever began it. */
  whenIdle(address: LogAddress, peerId: string): Promise<void>
  forgetPeer(peerId: string): void
}

interface Job {
  running: Promise<SyncOutcome>
  next: Promise<SyncOutcome> | undefined
}

/**
 * @param components.exchange - one exchange, must not reject; notes itself that it has settled.
 * @param components.entriesOf - entries that a log has here now.
 */
export function createSyncScheduler(components: {
  readonly clock: Clock
  readonly entriesOf: (address: LogAddress) => number | undefined
  readonly exchange: (address: LogAddress, peerId: string) => Promise<SyncOutcome>
}): SyncScheduler {
  const { clock, entriesOf, exchange } = components
  const jobs = new Map<string, Job>()
  const initiating = new Set<string>()
  /** First exchanges of logs that were empty when they began. */
  const filling = new Map<LogAddress, Promise<unknown>>()
  const settled = new Map<string, Map<LogAddress, Settlement>>()
  const answers = new Map<string, Set<Promise<undefined>>>()
  const active = new Map<string, number>()
  const queues = new Map<string, (() => void)[]>()
  let order = 0

  async function withSlot<T>(peerId: string, work: () => Promise<T>): Promise<T> {
    const count = active.get(peerId) ?? 0
    if (count >= MAX_PARALLEL_PER_PEER) {
      await new Promise<void>((resolve) => {
        const queue = queues.get(peerId) ?? []
        queue.push(resolve)
        queues.set(peerId, queue)
      })
    } else {
      active.set(peerId, count + 1)
    }
    try {
      return await work()
    } finally {
      const queue = queues.get(peerId)
      const next = queue?.shift()
      if (queue?.length === 0) queues.delete(peerId)
      // The slot passes to the next in line, or is given back.
      if (next !== undefined) next()
      else {
        const left = (active.get(peerId) ?? 1) - 1
        if (left > 0) active.set(peerId, left)
        else active.delete(peerId)
      }
    }
  }

  function lastSettled(address: LogAddress, peerId: string): Settlement | undefined {
    return settled.get(peerId)?.get(address)
  }

  function isSettled(address: LogAddress, peerId: string, since: number): boolean {
    const settlement = lastSettled(address, peerId)
    return (
      settlement !== undefined &&
      settlement.order > since &&
      settlement.entries === entriesOf(address)
    )
  }

  /** @param since - the exchange is left out when the log has settled since then. */
  function start(address: LogAddress, peerId: string, since = Infinity): Promise<SyncOutcome> {
    const name = nameOf(address, peerId)
    const running = withSlot(peerId, async () => {
      // The peer may have begun, and ended, one while this one waited for its turn.
      await whenAnswered(address, peerId)
      // No pause between the last look and the claim below: others look, too.
      for (let isStalled = false; !isStalled && filling.has(address);)
        isStalled = await stalls(address)
      if (isSettled(address, peerId, since)) return settledAlready(peerId)
      initiating.add(name)
      const isFirst = entriesOf(address) === 0 && !filling.has(address)
      const exchanged = exchange(address, peerId)
      if (isFirst) filling.set(address, exchanged)
      try {
        return await exchanged
      } finally {
        initiating.delete(name)
        if (isFirst) filling.delete(address)
      }
    })
    const job: Job = { running, next: undefined }
    jobs.set(name, job)
    void running.finally(() => {
      if (jobs.get(name) === job) jobs.delete(name)
    })
    return running
  }

  /**
   * Whoever fetches a log for the first time fetches it from one peer: all at once would send the same entries. Waits for the
   * end of that, or a while; `true` when it brought nothing.
   */
  async function stalls(address: LogAddress): Promise<boolean> {
    const first = filling.get(address)
    const entries = entriesOf(address)
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const cancel = clock.after(STALL_MS, () => {
      resolve(undefined)
    })
    await Promise.race([first, promise])
    cancel()
    return filling.get(address) === first && entriesOf(address) === entries
  }

  function run(address: LogAddress, peerId: string): Promise<SyncOutcome> {
    const job = jobs.get(nameOf(address, peerId))
    if (job === undefined) return start(address, peerId)
    job.next ??= job.running.then(() => start(address, peerId))
    return job.next
  }

  async function whenAnswered(address: LogAddress, peerId: string): Promise<void> {
    const name = nameOf(address, peerId)
    for (;;) {
      const running = answers.get(name)
      if (running === undefined) return
      await Promise.allSettled(running)
    }
  }

  async function whenIdle(address: LogAddress, peerId: string): Promise<void> {
    const name = nameOf(address, peerId)
    for (;;) {
      const job = jobs.get(name)?.running
      const running = [...(answers.get(name) ?? []), ...(job === undefined ? [] : [job])]
      if (running.length === 0) return
      await Promise.allSettled(running)
      // A job leaves the list in a later microtask than it ends.
      await Promise.resolve()
    }
  }

  return {
    run,
    mark: () => ++order,
    isSettled,
    async settle(address, peerId, since) {
      await whenIdle(address, peerId)
      if (isSettled(address, peerId, since)) return settledAlready(peerId)
      return jobs.get(nameOf(address, peerId))?.running ?? start(address, peerId, since)
    },
    underWay: (peerId) => (active.get(peerId) ?? 0) + (queues.get(peerId)?.length ?? 0),
    isInitiating: (address, peerId) => initiating.has(nameOf(address, peerId)),
    lastSettled,
    noteSettled(address, peerId, entries) {
      const times = settled.get(peerId) ?? new Map<LogAddress, Settlement>()
      times.set(address, { atMs: clock.now(), order: ++order, entries })
      settled.set(peerId, times)
    },
    noteAnswering(address, peerId) {
      const name = nameOf(address, peerId)
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const running = answers.get(name) ?? new Set()
      answers.set(name, running.add(promise))
      return () => {
        running.delete(promise)
        if (running.size === 0 && answers.get(name) === running) answers.delete(name)
        resolve(undefined)
      }
    },
    whenAnswered,
    whenIdle,
    forgetPeer(peerId) {
      settled.delete(peerId)
    }
  }
}

function settledAlready(peerId: string): SyncOutcome {
  return { peerId, kind: 'settled', received: 0, sent: 0 }
}

function nameOf(address: LogAddress, peerId: string): string {
  return `${peerId} ${address}`
}
