import type { LogAddress } from '#protocol/brand.ts'
import type { SyncOutcome } from '../replica.ts'
import type { Clock } from '../network/clock.ts'

/** Exchanges that may run with one peer at a time; more would only share its bandwidth. */
const MAX_PARALLEL_PER_PEER = 8

/** Starts exchanges: at most one per log and peer, a bounded number per peer, and one more after the running one on request. */
export interface SyncScheduler {
  /**
   * Exchanges after everything that is in the log now. A call during a running exchange waits for it and runs another, since
   * the running one may have looked at the log before.
   */
  run(address: LogAddress, peerId: string): Promise<SyncOutcome>
  /** When an exchange of this log with this peer last settled, whoever began it; `-Infinity` if never. */
  settledAtMs(address: LogAddress, peerId: string): number
  noteSettled(address: LogAddress, peerId: string): void
  /** The peer has begun an exchange. @returns to be called once, when it has ended. */
  noteAnswering(address: LogAddress, peerId: string): () => void
  /** Resolves when no exchange of this log with this peer is running, whoever began it. */
  whenIdle(address: LogAddress, peerId: string): Promise<void>
  forgetPeer(peerId: string): void
}

interface Job {
  running: Promise<SyncOutcome>
  next: Promise<SyncOutcome> | undefined
}

/** @param components.exchange - one exchange, must not reject. */
export function createSyncScheduler(components: {
  readonly clock: Clock
  readonly exchange: (address: LogAddress, peerId: string) => Promise<SyncOutcome>
}): SyncScheduler {
  const jobs = new Map<string, Job>()
  const settled = new Map<string, Map<LogAddress, number>>()
  const answers = new Map<string, Set<Promise<undefined>>>()
  const active = new Map<string, number>()
  const queues = new Map<string, (() => void)[]>()

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

  function noteSettled(address: LogAddress, peerId: string): void {
    const times = settled.get(peerId) ?? new Map<LogAddress, number>()
    times.set(address, components.clock.now())
    settled.set(peerId, times)
  }

  function start(address: LogAddress, peerId: string): Promise<SyncOutcome> {
    const name = nameOf(address, peerId)
    const running = withSlot(peerId, () => components.exchange(address, peerId)).then((outcome) => {
      if (outcome.kind === 'settled') noteSettled(address, peerId)
      return outcome
    })
    const job: Job = { running, next: undefined }
    jobs.set(name, job)
    void running.finally(() => {
      if (jobs.get(name) === job) jobs.delete(name)
    })
    return running
  }

  return {
    run(address, peerId) {
      const job = jobs.get(nameOf(address, peerId))
      if (job === undefined) return start(address, peerId)
      job.next ??= job.running.then(() => start(address, peerId))
      return job.next
    },
    settledAtMs: (address, peerId) => settled.get(peerId)?.get(address) ?? -Infinity,
    noteSettled,
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
    async whenIdle(address, peerId) {
      const name = nameOf(address, peerId)
      for (;;) {
        const job = jobs.get(name)?.running
        const running = [...(answers.get(name) ?? []), ...(job === undefined ? [] : [job])]
        if (running.length === 0) return
        await Promise.allSettled(running)
        // A job leaves the list in a later microtask than it ends.
        await Promise.resolve()
      }
    },
    forgetPeer(peerId) {
      settled.delete(peerId)
    }
  }
}

function nameOf(address: LogAddress, peerId: string): string {
  return `${peerId} ${address}`
}
