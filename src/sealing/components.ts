/** Fresh bytes from a cryptographically secure source. */
export type RandomBytes = (length: number) => Uint8Array

/** Wall clock. `Date` is one. */
export interface Clock {
  /** Unix ms. */
  now(): number
}

/** What every sealing factory is built from. */
export interface SealingComponents {
  readonly random: RandomBytes
  readonly clock: Clock
}
