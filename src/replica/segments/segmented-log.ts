import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import type { LogWriter } from '#protocol/gate.ts'
import {
  LATE_ENTRIES_MS,
  MAX_OPEN_SEGMENTS,
  MAX_SEGMENT_AGE_MS,
  MAX_SEGMENT_BYTES,
  MAX_SEGMENT_ENTRIES
} from '#protocol/limits.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { LiveFrame, SealedEntry } from '../sealed-log.ts'

/** One log of a chain, and the right to write there. */
export interface Segment {
  readonly manifest: LogManifest
  readonly address: LogAddress
  readonly writer: LogWriter
}

/** When a segment is left for the next one, and how many stay open. */
export interface SegmentBounds {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly maxAgeMs: number
  /** The newest and the empty next one included. */
  readonly maxOpen: number
  /** How long a segment that was left stays open. */
  readonly lateMs: number
}

export const SEGMENT_BOUNDS: SegmentBounds = {
  maxEntries: MAX_SEGMENT_ENTRIES,
  maxBytes: MAX_SEGMENT_BYTES,
  maxAgeMs: MAX_SEGMENT_AGE_MS,
  maxOpen: MAX_OPEN_SEGMENTS,
  lateMs: LATE_ENTRIES_MS
}

/** What is remembered of a segment that this device keeps. */
export interface KeptSegment {
  readonly number: number
  /** When its first entry was seen here, Unix ms; `null` while it is empty. */
  readonly firstSeenAtMs: number | null
  /** When a later one became the newest, Unix ms. */
  readonly leftAtMs: number | null
}

export interface SegmentView extends KeptSegment {
  readonly segment: Segment
  /** Entries on this disk; `null` when it was not opened yet. */
  readonly entries: number | null
  /** It, or a part of it, cannot be read on this disk. */
  readonly isDamaged: boolean
}

export interface SegmentedLogEvents {
  /** New entries of one segment, as in `LogEvents`. */
  entries: CustomEvent<readonly SealedEntry[]>
  live: CustomEvent<LiveFrame>
  /** What {@link SegmentedLog.segments} or {@link SegmentedLog.isEarly} says changed. */
  change: Event
}

/**
 * A chain of logs that reads as one. Every member can compute every segment, so nobody announces a new one: who finds the
 * newest segment spent appends to the next, and who follows sees an entry there. The `time` of every entry that this gives
 * is an order time: see `orderTimeOf`.
 *
 * The newest segment and the next one are followed; those that were left stay open for late entries for a while, and are
 * visited once in each run and once a day.
 *
 * Guarantees what `SealedLog` does, in each segment by itself: one that is damaged harms no other.
 */
export interface SegmentedLog {
  /**
   * Appends to the newest segment, or to the next one when that is spent or damaged.
   *
   * @throws {DeadDropError} as `SealedLog.append`.
   */
  append(sealed: SealedBytes): Promise<SealedEntry>
  /** The segments that this device keeps, oldest first; the last one is the newest. */
  segments(): readonly SegmentView[]
  /** Entries of one segment with `arrival > after`, in arrival order. Opens the segment when needed. @throws {DeadDropError} `storage-corrupt` */
  read(number: number, after: number): AsyncIterable<SealedEntry>
  heads(number: number): Promise<readonly EntryHash[]>
  isCovered(number: number, hash: EntryHash, heads: readonly EntryHash[]): Promise<boolean>
  /** Whether this device wrote it. */
  isOwn(entry: SealedEntry): boolean
  /** Whether entries of older segments may still be on their way: this run has not compared all of them with a peer. */
  isEarly(number: number): boolean
  /** Sends to the members who are listening now; best effort. */
  sendLive(sealed: SealedBytes): Promise<void>
  /** Deletes the oldest segment from this disk, for good. The newest one stays. */
  drop(number: number): Promise<void>
  addEventListener<K extends keyof SegmentedLogEvents>(
    type: K,
    listener: (event: SegmentedLogEvents[K]) => void,
    options?: { signal?: AbortSignal }
  ): void
  /** May be called twice, never throws. */
  close(): Promise<void>
}
