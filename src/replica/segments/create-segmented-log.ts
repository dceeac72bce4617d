import { TypedEventEmitter } from 'main-event'
import type { LogAddress, SealedBytes } from '#protocol/brand.ts'
import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'
import { MAX_SEGMENTS } from '#protocol/limits.ts'
import type { Clock } from '../network/clock.ts'
import { Mutex } from '../orbitdb/mutex.ts'
import type { Replica } from '../replica.ts'
import type { SealedEntry, SealedLog } from '../sealed-log.ts'
import { orderTimeOf } from './order-time.ts'
import {
  SEGMENT_BOUNDS,
  type KeptSegment,
  type Segment,
  type SegmentBounds,
  type SegmentedLog,
  type SegmentedLogEvents
} from './segmented-log.ts'

export interface SegmentedLogComponents {
  readonly replica: Pick<Replica, 'open' | 'forget' | 'sync' | 'network' | 'addEventListener'>
  readonly clock: Clock
  /** The same on every member but for the writer. Must not throw for 0..`MAX_SEGMENTS` - 1. */
  readonly segment: (number: number) => Segment
  /** Remembers what is kept. What a crash or a full disk swallows is found again by looking. */
  readonly save: (kept: readonly KeptSegment[]) => Promise<void>
}

export interface SegmentedLogInit {
  /** What was saved, contiguous and oldest first; empty at the first start. */
  readonly kept: readonly KeptSegment[]
  /** @default SEGMENT_BOUNDS */
  readonly bounds?: Partial<SegmentBounds>
}

/** What this process has of one segment. */
interface Slot {
  readonly number: number
  readonly segment: Segment
  opening: Promise<SealedLog> | undefined
  log: SealedLog | undefined
  /** Ends the listening to {@link log}. */
  released: AbortController
  /** Calls that need it open. */
  uses: number
  entries: number | null
  isDamaged: boolean
}

/** Longest wait for one segment to be compared with the peers that follow it, before older ones have their turn. */
const SETTLE_TIMEOUT_MS = 60_000
/** Who follows a segment is told some time after connecting. */
const SETTLE_ATTEMPTS = 5
const SETTLE_RETRY_MS = 2_000
/** Time between two visits to segments that are not open. */
const VISIT_INTERVAL_MS = 24 * 60 * 60_000

/**
 * Opens a chain at its newest segment; older ones follow, the newest first.
 *
 * @throws {DeadDropError} as `Replica.open`, but for `storage-corrupt`: what is damaged is said by `segments()`.
 */
export async function createSegmentedLog(
  components: SegmentedLogComponents,
  init: SegmentedLogInit
): Promise<SegmentedLog> {
  const { replica, clock } = components
  const bounds: SegmentBounds = { ...SEGMENT_BOUNDS, ...init.bounds }
  const events = new TypedEventEmitter<SegmentedLogEvents>()
  const appends = new Mutex()
  const stopped = new AbortController()
  const slots = new Map<number, Slot>()
  const numbers = new Map<LogAddress, number>()
  const timers = new Set<() => void>()
  /** Compared with a peer in this run, or given up. */
  let settled = new Set<number>()
  let settling: Promise<void> | undefined
  let isSettleDue = false
  /** Whether the disk was asked what older segments hold. */
  let isLooked = false
  let kept: readonly KeptSegment[] =
    init.kept.length > 0 ? init.kept : [{ number: 0, firstSeenAtMs: null, leftAtMs: null }]

  function newest(): number {
    return kept.at(-1)?.number ?? 0
  }

  function slotOf(number: number): Slot {
    let slot = slots.get(number)
    if (slot === undefined) {
      const segment = components.segment(number)
      slot = {
        number,
        segment,
        opening: undefined,
        log: undefined,
        released: new AbortController(),
        uses: 0,
        entries: null,
        isDamaged: false
      }
      slots.set(number, slot)
      numbers.set(segment.address, number)
    }
    return slot
  }

  function changed(): void {
    events.safeDispatchEvent('change', {})
  }

  function keep(next: readonly KeptSegment[]): void {
    kept = next
    components.save(kept).catch(() => undefined) // see SegmentedLogComponents.save
    changed()
  }

  function noteDamage(slot: Slot, error: unknown): void {
    if (!isCorrupt(error) || slot.isDamaged) return
    slot.isDamaged = true
    changed()
  }

  function opened(slot: Slot): Promise<SealedLog> {
    slot.opening ??= open(slot).catch((error: unknown) => {
      slot.opening = undefined
      noteDamage(slot, error)
      throw error
    })
    return slot.opening
  }

  async function open(slot: Slot): Promise<SealedLog> {
    if (stopped.signal.aborted) throw new DeadDropError('stopped', 'segmented log is closed')
    const { manifest, writer } = slot.segment
    const log = await replica.open(manifest, { writer })
    slot.log = log
    slot.released = new AbortController()
    const { signal } = slot.released
    log.addEventListener(
      'entries',
      ({ detail }) => {
        noteEntries(slot, log.size().entries)
        events.safeDispatchEvent('entries', {
          detail: detail.map((entry) => placed(slot.number, entry))
        })
      },
      { signal }
    )
    log.addEventListener(
      'live',
      ({ detail }) => {
        events.safeDispatchEvent('live', { detail })
      },
      { signal }
    )
    const { entries } = log.size()
    const isNews = slot.entries !== entries
    noteEntries(slot, entries)
    if (isNews) changed()
    return log
  }

  /** Runs `task` on an open segment, which stays open until then. */
  async function using<T>(number: number, task: (log: SealedLog) => Promise<T>): Promise<T> {
    const slot = slotOf(number)
    slot.uses++
    try {
      return await task(await opened(slot))
    } catch (error) {
      noteDamage(slot, error)
      throw error
    } finally {
      slot.uses--
      closeSurplus()
    }
  }

  function noteEntries(slot: Slot, entries: number): void {
    const { number } = slot
    slot.entries = entries
    if (entries > 0 && number > newest()) reach(number)
    else if (
      entries > 0 &&
      kept.some((one) => one.number === number && one.firstSeenAtMs === null)
    ) {
      const firstSeenAtMs = clock.now()
      keep(kept.map((one) => (one.number === number ? { ...one, firstSeenAtMs } : one)))
    }
  }

  /** Makes a later segment the newest one. */
  function reach(number: number): void {
    const nowMs = clock.now()
    const left = kept.map((one) => ({ ...one, leftAtMs: one.leftAtMs ?? nowMs }))
    // A damaged segment may lie between.
    for (let passed = newest() + 1; passed < number; passed++)
      left.push({ number: passed, firstSeenAtMs: null, leftAtMs: nowMs })
    const entries = slotOf(number).entries ?? 0
    keep([...left, { number, firstSeenAtMs: entries > 0 ? nowMs : null, leftAtMs: null }])
    closeSurplus()
    follow().catch(() => undefined) // closed, or the disk refused: the next start follows again
    settle()
  }

  /** Opens the newest segment and the next one, and goes on from there when that has entries. */
  async function follow(): Promise<void> {
    for (;;) {
      const before = newest()
      await opened(slotOf(before)).catch(unlessCorrupt)
      let isFollowing = false
      for (let next = before + 1; next < MAX_SEGMENTS && !isFollowing; next++) {
        isFollowing = await opened(slotOf(next)).then(
          () => true,
          (error: unknown) => {
            unlessCorrupt(error)
            return false
          }
        )
      }
      if (newest() === before) return
    }
  }

  function closeSurplus(): void {
    const lateAfterMs = clock.now() - bounds.lateMs
    const lefts = new Map(kept.map(({ number, leftAtMs }) => [number, leftAtMs]))
    const older = [...slots.values()]
      .filter(({ number, log }) => number < newest() && log !== undefined)
      .sort((a, b) => a.number - b.number)
    let surplus = older.length + 2 - bounds.maxOpen
    for (const slot of older) {
      const leftAtMs = lefts.get(slot.number) ?? -Infinity
      const isLate = leftAtMs <= lateAfterMs || !isLooked
      if (slot.uses === 0 && (isLate || surplus > 0)) void release(slot)
      surplus--
    }
  }

  async function release(slot: Slot): Promise<void> {
    const { log } = slot
    slot.released.abort()
    slot.log = undefined
    slot.opening = undefined
    await log?.close().catch(() => undefined)
  }

  function isSpent(number: number): boolean {
    if (number >= MAX_SEGMENTS - 1) return false
    const slot = slotOf(number)
    if (slot.isDamaged) return true
    const size = slot.log?.size()
    const firstSeenAtMs = kept.find((one) => one.number === number)?.firstSeenAtMs ?? null
    return (
      (size !== undefined &&
        (size.entries >= bounds.maxEntries || size.bytes >= bounds.maxBytes)) ||
      (firstSeenAtMs !== null && clock.now() - firstSeenAtMs >= bounds.maxAgeMs)
    )
  }

  async function append(sealed: SealedBytes): Promise<SealedEntry> {
    for (;;) {
      const number = isSpent(newest()) ? newest() + 1 : newest()
      try {
        return await using(number, async (log) => placed(number, await log.append(sealed)))
      } catch (error) {
        if (!isCorrupt(error) || number >= MAX_SEGMENTS - 1) throw error
        if (number > newest()) reach(number)
      }
    }
  }

  function settle(): void {
    if (stopped.signal.aborted) return
    isSettleDue = true
    settling ??= settleWhileDue()
  }

  async function settleWhileDue(): Promise<void> {
    do {
      isSettleDue = false
      await settleAll().catch(() => undefined) // closed, or the disk refused: the next peer or day begins it again
    } while (isDueAgain())
    // Nothing is awaited since the last look, so no call is lost.
    settling = undefined
  }

  /** A call may come while others are awaited. */
  function isDueAgain(): boolean {
    return isSettleDue && !stopped.signal.aborted
  }

  async function settleAll(): Promise<void> {
    if (!isLooked) {
      // What is on this disk is known before anything comes from elsewhere; they close again, to be followed in turn.
      for (const number of olderOnes())
        await using(number, async () => undefined).catch(unlessCorrupt)
      isLooked = true
      changed()
    }
    for (;;) {
      const number = [...olderOnes(), newest()]
        .filter((one) => !settled.has(one))
        .reduce((a, b) => Math.max(a, b), -1)
      if (number < 0 || stopped.signal.aborted || !hasPeer()) return
      await compare(number).catch(unlessCorrupt)
      if (isAborted()) return
      settled.add(number)
      changed()
    }
  }

  /** A check that the compiler does not carry over an `await`. */
  function isAborted(): boolean {
    return stopped.signal.aborted
  }

  /** Newest first. */
  function olderOnes(): number[] {
    return kept
      .slice(0, -1)
      .map(({ number }) => number)
      .reverse()
  }

  function hasPeer(): boolean {
    return replica.network().peers.some(({ isLimited }) => !isLimited)
  }

  /** Resolves when a peer was found to have the same entries, or nobody was found for a while. */
  async function compare(number: number): Promise<void> {
    await using(number, async ({ address }) => {
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(SETTLE_TIMEOUT_MS)])
      for (let attempt = 0; attempt < SETTLE_ATTEMPTS && !signal.aborted; attempt++) {
        if (attempt > 0) await pause(SETTLE_RETRY_MS)
        const outcomes = await replica.sync(address, { signal })
        if (outcomes.some(({ kind }) => kind === 'settled')) return
      }
    })
  }

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timers.delete(cancel)
        stopped.signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = clock.after(delayMs, done)
      timers.add(cancel)
      stopped.signal.addEventListener('abort', done, { once: true })
    })
  }

  function planVisits(): void {
    const cancel = clock.after(VISIT_INTERVAL_MS, () => {
      timers.delete(cancel)
      settled = new Set()
      settle()
      planVisits()
    })
    timers.add(cancel)
  }

  await follow()
  replica.addEventListener('network', settle, { signal: stopped.signal })
  planVisits()
  settle()

  return {
    append: (sealed) => appends.run(() => append(sealed)),

    segments: () =>
      kept.map((one) => {
        const { segment, entries, isDamaged } = slotOf(one.number)
        return { ...one, segment, entries, isDamaged }
      }),

    async *read(number, after) {
      const slot = slotOf(number)
      slot.uses++
      try {
        const log = await opened(slot)
        for await (const entry of log.entries(after)) yield placed(number, entry)
      } catch (error) {
        noteDamage(slot, error)
        throw error
      } finally {
        slot.uses--
        closeSurplus()
      }
    },

    heads: (number) => using(number, (log) => log.heads()),
    isCovered: (number, hash, heads) => using(number, (log) => log.isCovered(hash, heads)),

    isOwn(entry) {
      const number = numbers.get(entry.log)
      return number !== undefined && slotOf(number).segment.writer.publicKey === entry.writer
    },

    isEarly: (number) => kept.some((one) => one.number < number && !settled.has(one.number)),

    sendLive: (sealed) => using(newest(), (log) => log.sendLive(sealed)),

    async drop(number) {
      const [oldest] = kept
      if (oldest?.number !== number || number === newest())
        throw new DeadDropError('internal', 'only the oldest of several segments can be dropped')
      const slot = slotOf(number)
      await release(slot)
      await replica.forget(slot.segment.address)
      slots.delete(number)
      numbers.delete(slot.segment.address)
      keep(kept.slice(1))
    },

    addEventListener(type, listener, options) {
      events.addEventListener(type, listener, options)
    },

    async close() {
      stopped.abort()
      for (const cancel of timers) cancel()
      timers.clear()
      await settling
      await Promise.all(
        [...slots.values()].map(async (slot) => {
          await slot.opening?.catch(() => undefined)
          await release(slot)
        })
      )
    }
  }
}

/** An entry with its place in the chain. */
function placed(number: number, entry: SealedEntry): SealedEntry {
  return { ...entry, time: orderTimeOf(number, entry.time) }
}

function isCorrupt(error: unknown): boolean {
  return isDeadDropError(error) && error.code === 'storage-corrupt'
}

/** A damaged segment was noted and harms no other; anything else is the caller's. */
function unlessCorrupt(error: unknown): void {
  if (!isCorrupt(error)) throw error
}
