import type { History } from '#history/history.ts'
import {
  askFailed,
  askRefused,
  dueNow,
  dueTasks,
  heldBy,
  nextDueAtMs,
  wantHeld,
  type HoldTask
} from '#messaging/outbox.ts'
import type { PinClient } from '#pinning/pin-client.ts'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import type { LogWriter } from '#protocol/gate.ts'
import type { PinKind, PinReceipt } from '#protocol/pin-messages.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { NetworkStatus } from '#replica/replica.ts'
import type { SealedLog } from '#replica/sealed-log.ts'

/** A log that nodes shall hold. */
export interface HeldLog {
  readonly log: Pick<SealedLog, 'address' | 'manifest' | 'isCovered'>
  readonly kind: PinKind
  readonly writer: LogWriter
  /** A node signed for this log; the receipt was verified. */
  onReceipt(receipt: PinReceipt): Promise<void>
}

export interface Holder {
  /** Begins to care for a log, or goes on after a restart. */
  register(held: HeldLog): void
  /** Ends it for good; what nodes promised stays promised. */
  release(log: LogAddress): void
  /** `hash` is the newest own entry: every connected node shall sign for it. */
  want(log: LogAddress, hash: EntryHash): void
  /** A node came or went. */
  networkChanged(status: NetworkStatus): void
  /** Asks again at once for what is not held. */
  wake(): void
  stop(): Promise<void>
}

const MAX_REQUESTS_AT_ONCE = 4
/** What was due for this long without its node is dropped. */
const STALE_AFTER_MS = 60 * 24 * 60 * 60_000
/** How long a node is asked to hold a log; asked again half-way while the log is wanted. */
export const HOLD_FOR_MS = 30 * 24 * 60 * 60_000
/** A task that is due for longer than a timer can count is looked at again after this time. */
const MAX_TIMER_MS = 60 * 60_000

/**
 * Sees to it that nodes hold what this device wrote, and collects what they sign. Asks the nodes that are connected,
 * again and again with back-off, renews promises before they end, and survives a restart.
 */
export function createHolder(
  components: {
    readonly history: History
    readonly pinClient: PinClient
    readonly clock: Clock
    /** 0..1, for jitter. */
    readonly random: () => number
  },
  init: { readonly tasks: readonly HoldTask[] }
): Holder {
  const { history, pinClient, clock, random } = components
  const stopped = new AbortController()
  const tasks = new Map<string, HoldTask>()
  const staleBeforeMs = clock.now() - STALE_AFTER_MS
  for (const task of init.tasks) {
    // A node that was not met for so long was removed, or is gone.
    if (task.dueAtMs < staleBeforeMs) forget(task)
    else tasks.set(taskKey(task.log, task.peerId), task)
  }
  const logs = new Map<LogAddress, HeldLog>()
  const wishes = new Map<LogAddress, EntryHash>()
  const running = new Map<string, Promise<void>>()
  let connected: ReadonlySet<string> = new Set()
  let cancelTimer: (() => void) | undefined

  function put(task: HoldTask): void {
    const key = taskKey(task.log, task.peerId)
    if (tasks.get(key) === task) return
    tasks.set(key, task)
    // A task that is lost is made again from the log's newest own entry at the next start, so a full disk may swallow it.
    history.commit({ holdTasks: { put: [task] } }).catch(() => undefined)
  }

  function forget(task: HoldTask): void {
    tasks.delete(taskKey(task.log, task.peerId))
    history.commit({ holdTasks: { remove: [task] } }).catch(() => undefined) // as in put
  }

  function wishAt(log: LogAddress, peerId: string): void {
    const wanted = wishes.get(log)
    if (wanted === undefined) return
    put(wantHeld(tasks.get(taskKey(log, peerId)), { log, peerId, wanted }, clock.now()))
  }

  function look(): void {
    cancelTimer?.()
    cancelTimer = undefined
    if (stopped.signal.aborted) return
    const open = [...tasks.values()].filter(
      (task) =>
        logs.has(task.log) &&
        connected.has(task.peerId) &&
        !running.has(taskKey(task.log, task.peerId))
    )
    for (const task of dueTasks(open, clock.now(), MAX_REQUESTS_AT_ONCE - running.size)) begin(task)
    const next = nextDueAtMs(open.filter((task) => !running.has(taskKey(task.log, task.peerId))))
    if (next === null || running.size >= MAX_REQUESTS_AT_ONCE) return
    cancelTimer = clock.after(Math.min(Math.max(0, next - clock.now()), MAX_TIMER_MS), look)
  }

  function begin(task: HoldTask): void {
    const key = taskKey(task.log, task.peerId)
    const asking = ask(task).finally(() => {
      running.delete(key)
      look()
    })
    running.set(key, asking)
  }

  async function ask(task: HoldTask): Promise<void> {
    const held = logs.get(task.log)
    if (held === undefined) return
    const asked = task.wanted
    let next: (current: HoldTask) => HoldTask
    try {
      const outcome = await pinClient.pin(
        {
          peerId: task.peerId,
          manifest: held.log.manifest,
          kind: held.kind,
          writer: held.writer,
          heads: [asked],
          holdForMs: HOLD_FOR_MS
        },
        { signal: stopped.signal }
      )
      switch (outcome.kind) {
        case 'held': {
          const { receipt } = outcome.receipt
          const isCovered = await held.log.isCovered(asked, receipt.heads)
          await held.onReceipt(receipt)
          const answer = { asked, isCovered, heldUntilMs: receipt.heldUntilMs }
          next = (current) => heldBy(current, answer, clock.now(), random())
          break
        }
        case 'refused':
          next = (current) => askRefused(current, outcome.status, clock.now(), random())
          break
        case 'failed':
          next = (current) => askFailed(current, clock.now(), random())
          break
      }
    } catch {
      // The log was closed or the disk refused the receipt: both are told elsewhere, here it is one more failure.
      next = (current) => askFailed(current, clock.now(), random())
    }
    if (stopped.signal.aborted) return
    const current = tasks.get(taskKey(task.log, task.peerId))
    if (current !== undefined) put(next(current))
  }

  return {
    register(held) {
      const { address } = held.log
      logs.set(address, held)
      look()
    },
    release(address) {
      logs.delete(address)
      wishes.delete(address)
      for (const task of [...tasks.values()]) if (task.log === address) forget(task)
    },
    want(log, hash) {
      wishes.set(log, hash)
      for (const peerId of connected) wishAt(log, peerId)
      look()
    },
    networkChanged(status) {
      const now = new Set(
        status.nodes.flatMap((node) =>
          node.state === 'connected' && node.peerId !== null ? [node.peerId] : []
        )
      )
      const arrived = [...now].filter((peerId) => !connected.has(peerId))
      connected = now
      if (arrived.length === 0) return
      for (const peerId of arrived) {
        for (const log of wishes.keys()) wishAt(log, peerId)
        for (const task of tasks.values()) {
          if (task.peerId === peerId) put(dueNow(task, clock.now()))
        }
      }
      look()
    },
    wake() {
      for (const task of tasks.values()) put(dueNow(task, clock.now()))
      look()
    },
    async stop() {
      stopped.abort()
      cancelTimer?.()
      await Promise.allSettled(running.values())
    }
  }
}

function taskKey(log: LogAddress, peerId: string): string {
  return `${log}:${peerId}`
}
