import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'

/** An entry as blind code sees it: verified writer and order, sealed content. */
export interface SealedEntry {
  readonly log: LogAddress
  readonly hash: EntryHash
  /** Writer pseudonym: Ed25519 public key, lower-case hex. */
  readonly writer: string
  /** Lamport time, 1..2^40. `(time, hash)` is the order that every device agrees on. */
  readonly time: number
  /** Position in which this replica stored the entry, 1, 2, 3 … without gaps; differs between replicas. */
  readonly arrival: number
  readonly sealed: SealedBytes
}

export interface LogSize {
  readonly entries: number
  /** Bytes of all stored entries, OrbitDB fields included. */
  readonly bytes: number
}

/** A frame of `LIVE_TOPIC_SUFFIX`: sealed, signed by an admitted writer, sent to who listens now, never stored. */
export interface LiveFrame {
  readonly log: LogAddress
  readonly writer: string
  readonly sealed: SealedBytes
}

export interface LogEvents {
  /** New entries, own and others', in causal order, after they are on disk. One event for a whole batch. */
  entries: CustomEvent<readonly SealedEntry[]>
  live: CustomEvent<LiveFrame>
  /** Entries of this log were refused; the counts say how many of each reason since the log was opened. */
  refused: CustomEvent<Readonly<Record<string, number>>>
}

/**
 * One OrbitDB log of sealed entries, replicated to whoever follows it.
 *
 * Guarantees: an entry that was announced once is on disk and never announced again, also after a restart; an entry
 * that the rules refuse changes nothing; `append` and remote entries may interleave freely.
 */
export interface SealedLog {
  readonly address: LogAddress
  readonly manifest: LogManifest
  /**
   * Appends, and resolves when the entry is on disk; publishing to peers follows and cannot fail the call.
   *
   * @throws {DeadDropError} `bytes-too-large` over `MAX_SEALED_BYTES`, `storage-full` or `storage-denied` with nothing
   *   stored, `stopped` after {@link close}; `internal` when the log was opened without a writer.
   */
  append(sealed: SealedBytes): Promise<SealedEntry>
  /** Heads, newest first. */
  heads(): Promise<readonly EntryHash[]>
  has(hash: EntryHash): Promise<boolean>
  /** Whether `hash` is one of `heads` or an ancestor of one of them; unknown hashes are not. */
  isCovered(hash: EntryHash, heads: readonly EntryHash[]): Promise<boolean>
  /** Entries with `arrival > after`, in arrival order (which is causal). Ends at the newest; later ones come as events. */
  entries(after?: number): AsyncIterable<SealedEntry>
  size(): LogSize
  /** Sends to the members who are listening now; best effort. Needs a writer. */
  sendLive(sealed: SealedBytes): Promise<void>
  addEventListener<K extends keyof LogEvents>(
    type: K,
    listener: (event: LogEvents[K]) => void,
    options?: { signal?: AbortSignal }
  ): void
  close(): Promise<void>
}
