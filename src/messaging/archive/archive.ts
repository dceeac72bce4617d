import { DeadDropError, type ErrorCode } from '#protocol/errors.ts'

/** Where an archive may come from. `deaddrop`: our own export (docs/export-format.md). */
export const ARCHIVE_FORMATS = ['deaddrop', 'whatsapp', 'signal', 'telegram', 'element'] as const
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number]

/** Somebody who wrote in an archived conversation, as the file calls them. Nothing vouches for it. */
export interface ArchiveParticipant {
  /** In the form of `readDisplayName`; `null` where the file gives the user no name but "me". */
  readonly name: string | null
  /** The file says that this is who exported it. */
  readonly isSelf: boolean
}

export interface ArchiveMessage {
  /** Index into the participants. */
  readonly author: number
  /** 1..`MAX_TEXT_BYTES` bytes of well-formed text. */
  readonly text: string
  /** As the file says, Unix ms. */
  readonly sentAtMs: number
}

/** One conversation of a file, in the order of the file. At least one message. */
export interface ArchiveTranscript {
  /** As the file calls it; empty when it does not. */
  readonly title: string
  readonly participants: readonly ArchiveParticipant[]
  readonly messages: readonly ArchiveMessage[]
}

/**
 * Why something in a file became no message. `service`: a notice of the messenger (calls, joins, deleted messages);
 * `attachment`: a file without words; `unreadable`: damaged, or of a kind that is not known.
 */
export const SKIP_REASONS = ['service', 'attachment', 'unreadable'] as const
export type SkipReason = (typeof SKIP_REASONS)[number]

export interface SkippedItems {
  readonly counts: Readonly<Record<SkipReason, number>>
  /** Where the first `unreadable` one stands. */
  readonly firstUnreadable: ArchivePlace | null
}

/** A place in a file, counted from 1 for lines and from 0 inside a path. Never holds words of the file. */
export type ArchivePlace =
  | { readonly kind: 'line'; readonly line: number }
  | { readonly kind: 'path'; readonly path: string }

/** Everything that was read from one file. Nothing in it is authenticated. */
export interface ParsedArchive {
  readonly format: ArchiveFormat
  /** Who made the export, as the file says. */
  readonly claimedBy: string | null
  /** When, as the file says, Unix ms. */
  readonly exportedAtMs: number | null
  readonly transcripts: readonly ArchiveTranscript[]
  readonly skipped: SkippedItems
}

export type ArchiveReading =
  | { readonly kind: 'archive'; readonly archive: ParsedArchive }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly place: ArchivePlace | null }

/** What a reader needs from where it runs. */
export interface ArchiveComponents {
  /** A time that some file gives without its zone, in the zone of this device; the month is 1..12. Unix ms. */
  localTimeMs(
    year: number,
    month: number,
    day: number,
    hour: number,
    minute: number,
    second: number
  ): number
}

/**
 * A long computation in slices: yields how much of the text is done, in UTF-16 units, some hundred times a second; whoever
 * drives it decides when to go on.
 */
export type Sliced<T> = Generator<number, T>

/** Thrown inside the readers when a file cannot be taken; {@link ArchiveReading} tells it as data. Blame: the file. */
export class ArchiveRefusedError extends DeadDropError {
  static override readonly errorName = 'ArchiveRefusedError'
  override readonly name = 'ArchiveRefusedError'
  readonly place: ArchivePlace | null

  constructor(code: ErrorCode, message: string, place: ArchivePlace | null = null) {
    super(code, place === null ? message : `${message}, at ${placeText(place)}`)
    this.place = place
  }
}

/** A place as an English phrase: `line 12`, `messages[3]`. */
function placeText(place: ArchivePlace): string {
  return place.kind === 'line' ? `line ${place.line}` : place.path
}
