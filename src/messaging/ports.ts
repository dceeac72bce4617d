import type { LogAddress, PlainBytes, SealedBytes } from '#protocol/brand.ts'
import type { LogWriter } from '#protocol/gate.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'

/** Who sealed something, as the cipher proved it. */
export interface Author {
  /** Root public key of the user, lower-case hex, 64 characters. */
  readonly userId: string
  /** Device id, lower-case hex, 32 characters. */
  readonly deviceId: string
}

/** What became of one sealed entry. `waiting`: its key may still come (an unknown epoch); `rejected`: it never will open. */
export type OpenResult =
  | { readonly kind: 'opened'; readonly plain: PlainBytes; readonly author: Author }
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string }

/** One log of a conversation, and this device's right to write there. */
export interface SessionSegment {
  readonly manifest: LogManifest
  readonly address: LogAddress
  readonly writer: LogWriter
}

/**
 * The sealing session of one conversation on one device. Mutable in memory, exported as bytes: the caller writes
 * {@link freeze} to disk in one transaction with what the change produced, before anything sealed leaves the device.
 * Calls on one session are made one after another.
 */
export interface SealingSession {
  /**
   * A segment of the chain of logs that carries this session: every member derives the same one, whenever.
   *
   * @param number - 0..`MAX_SEGMENTS` - 1.
   */
  segment(number: number): SessionSegment
  /** Members as proved by the group, this device included. */
  members(): readonly Author[]
  /** @throws {DeadDropError} `text-too-long` when the envelope would exceed `MAX_SEALED_BYTES`. */
  seal(plain: PlainBytes): Promise<SealedBytes>
  /**
   * Each entry opens once: its key is erased. Hostile bytes give `rejected`, never a throw, and leave the session unchanged.
   *
   * @param options.isEarly - messages from before it may still be coming: rather `waiting` than giving up the key of one
   *   of them. @default false
   */
  open(sealed: SealedBytes, options?: { readonly isEarly?: boolean }): Promise<OpenResult>
  /** Seals for members who listen now (presence); not ratcheted, may be opened any number of times. */
  sealLive(plain: PlainBytes): Promise<SealedBytes>
  openLive(sealed: SealedBytes): Promise<PlainBytes | undefined>
  /** The whole session as bytes, secrets included. */
  freeze(): Uint8Array
}
