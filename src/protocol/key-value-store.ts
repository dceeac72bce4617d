/** One write of an atomic batch. `value: null` deletes. */
export interface KeyValueWrite {
  readonly key: string
  readonly value: Uint8Array | null
}

export interface KeyRange {
  /** Keys `>= from`. */
  readonly from: string
  /** Keys `< to`. */
  readonly to: string
  /** Newest (greatest) first. @default false */
  readonly isReverse?: boolean
  readonly limit?: number
}

/**
 * The one storage port: an ordered map from strings to bytes with atomic batches. Keys order by UTF-16 code unit and
 * are ASCII by convention (`log/…`, `message/…`), so that every implementation orders them alike.
 *
 * Implementations: Level (Node), IndexedDB (browsers), memory (tests); all pass `tests/compliance/key-value-store.ts`.
 */
export interface KeyValueStore {
  get(key: string): Promise<Uint8Array | undefined>
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>
  entries(range: KeyRange): AsyncIterable<readonly [key: string, value: Uint8Array]>
  /**
   * All or nothing, also across a crash.
   *
   * @param options.isDurable - wait until the bytes survive a power cut, not only a killed process. @default false
   * @throws {DeadDropError} `storage-full` or `storage-denied`; nothing of the batch is stored then.
   */
  write(batch: readonly KeyValueWrite[], options?: { readonly isDurable?: boolean }): Promise<void>
  close(): Promise<void>
}
