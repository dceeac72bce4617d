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

/**
 * The sealing session of one conversation on one device. Mutable in memory, exported as bytes: the caller writes
 * {@link freeze} to disk in one transaction with what the change produced, before anything sealed leaves the device.
 * Calls on one session are made one after another.
 */
export interface SealingSession {
  /** The log that carries this session's current epoch, and the right to write there. */
  readonly log: LogManifest
  readonly address: LogAddress
  readonly writer: LogWriter
  /** Members as proved by the group, this device included. */
  members(): readonly Author[]
  /** @throws {DeadDropError} `text-too-long` when the envelope would exceed `MAX_SEALED_BYTES`. */
  seal(plain: PlainBytes): Promise<SealedBytes>
  /** Each entry opens once: its key is erased. Hostile bytes give `rejected`, never a throw, and leave the session unchanged. */
  open(sealed: SealedBytes): Promise<OpenResult>
  /** Seals for members who listen now (presence); not ratcheted, may be opened any number of times. */
  sealLive(plain: PlainBytes): Promise<SealedBytes>
  openLive(sealed: SealedBytes): Promise<PlainBytes | undefined>
  /** The whole session as bytes, secrets included. */
  freeze(): Uint8Array
}
