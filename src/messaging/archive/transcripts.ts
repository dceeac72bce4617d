import { readDisplayName } from '#protocol/display-name.ts'
import {
  MAX_ARCHIVE_CONVERSATIONS,
  MAX_ARCHIVE_MESSAGES,
  MAX_ARCHIVE_PARTICIPANTS,
  MAX_NAME_CHARACTERS,
  MAX_TEXT_BYTES
} from '#protocol/limits.ts'
import {
  ArchiveRefusedError,
  type ArchiveMessage,
  type ArchiveParticipant,
  type ArchivePlace,
  type ArchiveTranscript,
  type SkippedItems,
  type SkipReason
} from './archive.ts'

/** One conversation while its file is read. */
export interface TranscriptWriter {
  setTitle(title: string): void
  /**
   * Makes somebody known, or known better. `key` tells participants of one conversation apart; `name` is what the file
   * calls them.
   */
  participant(key: string, name: string | null, isSelf: boolean): void
  /** Adds a message of somebody known; longer texts become several messages. Without a visible text nothing is added. */
  add(key: string, text: string, sentAtMs: number): void
}

/** Collects what a reader finds in one file, within the bounds. */
export interface Transcripts {
  /** The conversation under this key of the file. */
  open(key: string): TranscriptWriter
  skip(reason: SkipReason, place: ArchivePlace): void
  finish(): { readonly transcripts: readonly ArchiveTranscript[]; readonly skipped: SkippedItems }
}

interface Draft {
  title: string
  readonly indexes: Map<string, number>
  readonly participants: ArchiveParticipant[]
  readonly messages: ArchiveMessage[]
}

/** How far back from the end of a part a gap between words is looked for. */
const WORD_CHARACTERS = 200

/** @throws {ArchiveRefusedError} from its methods: `archive-too-large` beyond a bound. */
export function createTranscripts(): Transcripts {
  const drafts = new Map<string, Draft>()
  const counts: Record<SkipReason, number> = { service: 0, attachment: 0, unreadable: 0 }
  const encoder = new TextEncoder()
  const room = new Uint8Array(MAX_TEXT_BYTES)
  let firstUnreadable: ArchivePlace | null = null
  let messages = 0

  function make(key: string): Draft {
    if (drafts.size >= MAX_ARCHIVE_CONVERSATIONS)
      throw tooMany('conversations', MAX_ARCHIVE_CONVERSATIONS)
    const draft: Draft = { title: '', indexes: new Map(), participants: [], messages: [] }
    drafts.set(key, draft)
    return draft
  }

  /** Parts of at most `MAX_TEXT_BYTES` bytes, cut between words where there are some. */
  function partsOf(text: string): readonly string[] {
    if (text.length * 3 <= MAX_TEXT_BYTES) return [text]
    const parts: string[] = []
    let rest = text
    for (;;) {
      const { read } = encoder.encodeInto(rest, room)
      if (read >= rest.length) return [...parts, rest]
      const gap = Math.max(rest.lastIndexOf(' ', read - 1), rest.lastIndexOf('\n', read - 1)) + 1
      const end = gap > read - WORD_CHARACTERS && gap > 0 ? gap : read
      parts.push(rest.slice(0, end))
      rest = rest.slice(end)
    }
  }

  return {
    open(key) {
      const draft = drafts.get(key) ?? make(key)
      return {
        setTitle(title) {
          draft.title = nameOf(title) ?? ''
        },
        participant(id, name, isSelf) {
          const known = draft.indexes.get(id)
          if (known === undefined) {
            if (draft.participants.length >= MAX_ARCHIVE_PARTICIPANTS)
              throw tooMany('people in one conversation', MAX_ARCHIVE_PARTICIPANTS)
            draft.indexes.set(id, draft.participants.length)
            draft.participants.push({ name: nameIn(name, isSelf), isSelf })
            return
          }
          const before = draft.participants[known]
          if (
            before === undefined ||
            (before.isSelf === isSelf && (name === null || before.name !== '?'))
          )
            return
          draft.participants[known] = {
            name: name === null ? before.name : nameIn(name, isSelf),
            isSelf: before.isSelf || isSelf
          }
        },
        add(id, text, sentAtMs) {
          const author = draft.indexes.get(id)
          if (author === undefined) return
          for (const part of partsOf(text.toWellFormed())) {
            if (messages >= MAX_ARCHIVE_MESSAGES) throw tooMany('messages', MAX_ARCHIVE_MESSAGES)
            messages++
            draft.messages.push({ author, text: part, sentAtMs })
          }
        }
      }
    },

    skip(reason, place) {
      counts[reason]++
      if (reason === 'unreadable') firstUnreadable ??= place
    },

    finish() {
      if (messages === 0)
        throw new ArchiveRefusedError('archive-empty', 'archive has no message', firstUnreadable)
      return {
        transcripts: [...drafts.values()]
          .filter((draft) => draft.messages.length > 0)
          .map((draft) => ({
            title: draft.title,
            participants: draft.participants,
            messages: draft.messages
          })),
        skipped: { counts, firstUnreadable }
      }
    }
  }
}

/** A name of a file in the form of display names, cut where it is too long; `undefined` when nothing of it is visible. */
export function nameOf(raw: string): string | undefined {
  try {
    const points = Array.from(raw.slice(0, 8 * MAX_NAME_CHARACTERS)).slice(0, MAX_NAME_CHARACTERS)
    return readDisplayName(points.join(''))
  } catch {
    return undefined
  }
}

function nameIn(name: string | null, isSelf: boolean): string | null {
  return name === null ? (isSelf ? null : '?') : (nameOf(name) ?? '?')
}

function tooMany(what: string, allowed: number): ArchiveRefusedError {
  return new ArchiveRefusedError('archive-too-large', `archive has more than ${allowed} ${what}`)
}
