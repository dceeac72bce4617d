import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import { equalBytes } from '#protocol/cbor.ts'
import type { PinRefusal } from '#protocol/pin-messages.ts'
import type { SealedEntry } from '#replica/sealed-log.ts'

/**
 * Something own that is sealed and on disk, and not known to be in a log. The ratchet has moved on, so these bytes
 * are the only ones that say it: the item stays until an entry with the same bytes is on disk, in whichever segment was
 * the newest when it was appended.
 *
 * After that its walk goes on elsewhere: a {@link HoldTask} asks nodes until they hold the entry, and the message's own
 * record collects what nodes and devices signed.
 */
export interface OutboxItem {
  /** Message id of a text, otherwise random; lower-case hex, 32 characters. */
  readonly id: string
  readonly conversation: string
  readonly kind: 'text' | 'receipt' | 'profile'
  /** Items of one conversation are appended in this order: see {@link nextSequence}. */
  readonly sequence: number
  readonly sealed: SealedBytes
}

/** Grows with every call, also when the clock went back, and stays near the clock so that it survives a lost outbox. */
export function nextSequence(previous: number, nowMs: number): number {
  return Math.max(previous + 1, nowMs)
}

/** What to append, oldest first: the order in which the user wrote. */
export function inAppendOrder(items: readonly OutboxItem[]): readonly OutboxItem[] {
  return [...items].sort((a, b) => a.sequence - b.sequence || (a.id < b.id ? -1 : 1))
}

export interface AppendMatcher {
  /** The item whose bytes this entry carries, each item at most once. */
  match(entry: SealedEntry): OutboxItem | undefined
}

const PREFIX_BYTES = 24

/** Finds sealed items again among the entries of their conversation. */
export function createAppendMatcher(items: readonly OutboxItem[]): AppendMatcher {
  const open = new Map<string, OutboxItem[]>()
  for (const item of inAppendOrder(items)) {
    const key = matchKey(item.sealed)
    open.set(key, [...(open.get(key) ?? []), item])
  }
  return {
    match(entry) {
      const key = matchKey(entry.sealed)
      const candidates = open.get(key) ?? []
      const found = candidates.find((item) => equalBytes(item.sealed, entry.sealed))
      if (found !== undefined)
        open.set(
          key,
          candidates.filter((item) => item !== found)
        )
      return found
    }
  }
}

/** An envelope begins with a random nonce, so its first bytes are as good a name as a hash of all of it. */
function matchKey(sealed: SealedBytes): string {
  return sealed.subarray(0, PREFIX_BYTES).join('.')
}

/**
 * "This node shall hold this log up to here." One per log and node; never given up while the user keeps the node. Own
 * entries build on each other, so a node that holds the newest one holds them all.
 */
export interface HoldTask {
  readonly log: LogAddress
  readonly peerId: string
  /** The newest entry that the node shall hold. */
  readonly wanted: EntryHash
  /** The newest wanted entry that the node signed for. */
  readonly held: EntryHash | null
  readonly heldUntilMs: number | null
  /** Failures since the last success. */
  readonly failures: number
  /** When to ask, Unix ms. */
  readonly dueAtMs: number
}

export const FIRST_RETRY_DELAY_MS = 1_000
export const MAX_RETRY_DELAY_MS = 5 * 60_000

/** After a refusal that time alone cures slowly (no room) or hardly (a mistake of one side): still asked, rarely. */
export const REFUSED_RETRY_DELAY_MS = 10 * 60_000

/** Longest time until a promise is renewed, however long it is. */
export const MAX_RENEWAL_DELAY_MS = 24 * 60 * 60_000

/** Wants `wanted` held. New wishes are due at once; a node that is failing keeps its back-off. */
export function wantHeld(
  task: HoldTask | undefined,
  wish: { readonly log: LogAddress; readonly peerId: string; readonly wanted: EntryHash },
  nowMs: number
): HoldTask {
  if (task === undefined) {
    return { ...wish, held: null, heldUntilMs: null, failures: 0, dueAtMs: nowMs }
  }
  if (task.wanted === wish.wanted) return task
  const dueAtMs = task.failures === 0 ? nowMs : task.dueAtMs
  return { ...task, wanted: wish.wanted, dueAtMs }
}

/**
 * The node signed a receipt.
 *
 * @param answer.isCovered - whether the receipt's heads cover `answer.asked`, the entry wanted when the node was asked.
 */
export function heldBy(
  task: HoldTask,
  answer: { readonly asked: EntryHash; readonly isCovered: boolean; readonly heldUntilMs: number },
  nowMs: number,
  random: number
): HoldTask {
  if (!answer.isCovered) return askFailed(task, nowMs, random)
  const isNewest = answer.asked === task.wanted
  return {
    ...task,
    held: answer.asked,
    heldUntilMs: answer.heldUntilMs,
    failures: 0,
    dueAtMs: isNewest ? renewalTimeMs(answer.heldUntilMs, nowMs) : nowMs
  }
}

/** The node could not be reached, answered rubbish, or holds less than it was asked to. @param random - 0..1, for jitter. */
export function askFailed(task: HoldTask, nowMs: number, random: number): HoldTask {
  return {
    ...task,
    failures: task.failures + 1,
    dueAtMs: nowMs + retryDelayMs(task.failures + 1, random)
  }
}

/** The node said no. @param random - 0..1, for jitter. */
export function askRefused(
  task: HoldTask,
  status: PinRefusal,
  nowMs: number,
  random: number
): HoldTask {
  const failed = askFailed(task, nowMs, random)
  switch (status) {
    case 'busy':
    case 'stopping':
    case 'replayed':
      return failed
    case 'malformed':
    case 'bad-signature':
    case 'wrong-node':
    case 'over-quota':
    case 'storage-full':
      return { ...failed, dueAtMs: nowMs + jittered(REFUSED_RETRY_DELAY_MS, random) }
  }
}

/** The way to the node changed (connected, "Retry now", wake-up): what is not held yet is due at once. */
export function dueNow(task: HoldTask, nowMs: number): HoldTask {
  return task.held === task.wanted && task.failures === 0
    ? task
    : { ...task, failures: 0, dueAtMs: Math.min(task.dueAtMs, nowMs) }
}

/** Tasks to work on now, longest due first. @param limit - most requests at a time. */
export function dueTasks(
  tasks: readonly HoldTask[],
  nowMs: number,
  limit: number
): readonly HoldTask[] {
  return tasks
    .filter((task) => task.dueAtMs <= nowMs)
    .sort((a, b) => a.dueAtMs - b.dueAtMs || (taskKey(a) < taskKey(b) ? -1 : 1))
    .slice(0, limit)
}

/** When to look again, Unix ms; `null` without tasks. */
export function nextDueAtMs(tasks: readonly HoldTask[]): number | null {
  return tasks.length === 0 ? null : Math.min(...tasks.map((task) => task.dueAtMs))
}

/** Exponential, half to full: many clients of a node that comes back must not come at once. @param random - 0..1. */
export function retryDelayMs(failures: number, random: number): number {
  return jittered(
    Math.min(MAX_RETRY_DELAY_MS, FIRST_RETRY_DELAY_MS * 2 ** Math.min(failures - 1, 20)),
    random
  )
}

function jittered(delayMs: number, random: number): number {
  return Math.round(delayMs * (0.5 + random / 2))
}

function renewalTimeMs(heldUntilMs: number, nowMs: number): number {
  // Half-way leaves as much time again for a node that is down. A promise that is already over must not cause a busy loop.
  const delay = Math.max(FIRST_RETRY_DELAY_MS, (heldUntilMs - nowMs) / 2)
  return nowMs + Math.round(Math.min(delay, MAX_RENEWAL_DELAY_MS))
}

function taskKey(task: HoldTask): string {
  return `${task.log}:${task.peerId}`
}
