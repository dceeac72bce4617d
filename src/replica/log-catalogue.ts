import type { LogAddress } from '#protocol/brand.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { LogSize } from './sealed-log.ts'

/** A log that a replica holds for others. */
export interface HeldLog {
  readonly manifest: LogManifest
  /** As for `Replica.open`. */
  readonly mayStore: (size: LogSize) => boolean
}

/** The logs that a replica holds for others: it opens one when a peer talks about it, and closes it again. */
export interface LogCatalogue {
  /** Those that are held now. */
  addresses(): Iterable<LogAddress>
  /** Asked each time before a log is opened; `undefined` for one that is not held, or is being deleted. */
  find(address: LogAddress): HeldLog | undefined
  /**
   * Called for each log that is stored when the catalogue is handed over, with `added` 0, and then after each write.
   *
   * @param size - what the log has now.
   * @param added - entries that are new.
   */
  onStored(address: LogAddress, size: LogSize, added: number): void
  /** Called when a log that somebody asked for cannot be opened. */
  onBroken(address: LogAddress, error: unknown): void
}
