import type { History } from '#history/history.ts'
import { deleteRecord, putRecord } from '#history/record-kind.ts'
import type { ArchiveTranscript, ParsedArchive } from '#messaging/archive/archive.ts'
import { nameOf } from '#messaging/archive/transcripts.ts'
import type { MessageOpened, MessageRecord } from '#messaging/conversation-reducer.ts'
import { MESSAGE_ID_BYTES, messageIdFromBytes } from '#messaging/message-id.ts'
import type { EntryHash } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { Clock } from '#replica/network/clock.ts'
import { nextTask } from '#replica/next-task.ts'
import type { ConversationSummary, ImportOptions, MessageView } from './client.ts'
import { archiveSummary } from './conversation-summary.ts'
import { archiveKind, type ArchiveRecord } from './records.ts'
import { createSerial } from './serial.ts'

/** The imported conversations of this device. */
export interface Archives {
  summaries(): readonly ConversationSummary[]
  has(id: string): boolean
  record(id: string): ArchiveRecord | undefined
  /** User id under which the messages of the user themself stand; empty when nobody is known to be. */
  ownUserId(id: string): string
  viewOf(id: string, record: MessageRecord): MessageView
  /** All conversations of a file, or none. */
  add(
    archive: ParsedArchive,
    options: ImportOptions & { readonly ownName: string }
  ): Promise<readonly string[]>
  /** @throws {DeadDropError} `conversation-unknown` */
  remove(id: string): Promise<void>
  /** Lets what is under way end soon, unfinished; the next start removes its traces. */
  stop(): Promise<void>
}

/** Messages of one transaction: a page that stores them stays responsive. */
const BATCH_MESSAGES = 100
/** Keys of one transaction that removes. */
const ERASE_KEYS = 500
/** Messages of an archive have their place by number; this stands where those of a log have the hash of their entry. */
const NO_ENTRY = 'imported'
const MAX_TITLE_NAMES = 3

export async function createArchives(
  components: {
    readonly history: History
    readonly clock: Clock
    readonly randomBytes: (length: number) => Uint8Array
  },
  init: { readonly onChange: () => void; readonly onDamaged: () => void }
): Promise<Archives> {
  const { history, clock } = components
  const whole = new Map<
    string,
    { readonly record: ArchiveRecord; readonly last: MessageView | null }
  >()
  /** Imports and removals, one after another. */
  const work = createSerial()
  const stopped = new AbortController()

  const { items, corrupt } = await history.records(archiveKind)
  if (corrupt > 0) init.onDamaged()
  const remains = [...items].filter(([, record]) => !record.isWhole).map(([id]) => id)
  for (const [id, record] of items) if (record.isWhole) await show(id, record)
  if (remains.length > 0) {
    // What an import or a removal left behind that did not come to its end; what fails is tried again at the next start.
    void work.run(async () => erase(remains)).catch(() => undefined)
  }

  async function show(id: string, record: ArchiveRecord): Promise<void> {
    const page = await history.messages(id, { limit: 1 })
    const newest = page.records.at(-1)
    whole.set(id, { record, last: newest === undefined ? null : archivedView(id, record, newest) })
  }

  async function erase(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      while (await history.eraseMessages(id, ERASE_KEYS)) {
        await nextTask()
        if (stopped.signal.aborted) throw new DeadDropError('stopped', 'removing was stopped')
      }
      await history.commit({ records: [deleteRecord(archiveKind, id)] })
    }
  }

  async function store(
    id: string,
    transcript: ArchiveTranscript,
    onStored: (messages: number) => void,
    signal: AbortSignal
  ): Promise<void> {
    const { messages } = transcript
    for (let start = 0; start < messages.length; start += BATCH_MESSAGES) {
      if (signal.aborted) throw new DeadDropError('stopped', 'the import was stopped')
      const facts = messages
        .slice(start, start + BATCH_MESSAGES)
        .map(({ author, text, sentAtMs }, index): MessageOpened => {
          const number = start + index
          return {
            kind: 'message-opened',
            id: `${id.slice(0, 16)}${number.toString(16).padStart(16, '0')}`,
            author: authorOf(id, author),
            text,
            sentAtMs,
            // The cast is to the brand: it stands in for the hash of an entry that does not exist.
            order: { time: number + 1, hash: NO_ENTRY as EntryHash }
          }
        })
      await history.commit({
        conversations: [{ id, ownUserId: '', facts, seen: facts.map((fact) => fact.id) }]
      })
      onStored(facts.length)
      await nextTask()
    }
  }

  async function add(
    archive: ParsedArchive,
    options: Parameters<Archives['add']>[1]
  ): Promise<readonly string[]> {
    const signal = AbortSignal.any([
      stopped.signal,
      ...(options.signal === undefined ? [] : [options.signal])
    ])
    const imports = archive.transcripts.map((transcript) => ({
      id: messageIdFromBytes(components.randomBytes(MESSAGE_ID_BYTES)),
      transcript,
      record: recordOf(archive, transcript, { ...options, importedAtMs: clock.now() })
    }))
    const total = imports.reduce((sum, { record }) => sum + record.messages, 0)
    let done = 0
    const hidden = imports.map(({ id, record }) =>
      putRecord(archiveKind, id, { ...record, isWhole: false })
    )
    try {
      await history.commit({ records: hidden })
      for (const { id, transcript } of imports) {
        await store(
          id,
          transcript,
          (stored) => {
            done += stored
            options.onProgress?.(done, total)
          },
          signal
        )
      }
      // One transaction makes all of them visible, also for the next start.
      await history.commit(
        { records: imports.map(({ id, record }) => putRecord(archiveKind, id, record)) },
        { isDurable: true }
      )
    } catch (error) {
      // What cannot be removed now is not shown either, and goes at the next start.
      await history
        .commit({ records: hidden })
        .then(() => erase(imports.map(({ id }) => id)))
        .catch(() => undefined)
      throw error
    }
    for (const { id, record } of imports) await show(id, record)
    init.onChange()
    return imports.map(({ id }) => id)
  }

  function find(id: string): { readonly record: ArchiveRecord; readonly last: MessageView | null } {
    const found = whole.get(id)
    if (found === undefined)
      throw new DeadDropError('conversation-unknown', 'no imported conversation has this id')
    return found
  }

  return {
    summaries: () => [...whole].map(([id, { record, last }]) => archiveSummary(id, record, last)),
    has: (id) => whole.has(id),
    record: (id) => whole.get(id)?.record,
    ownUserId(id) {
      const { self } = find(id).record
      return self === null ? '' : authorOf(id, self).userId
    },
    viewOf: (id, record) => archivedView(id, find(id).record, record),
    add: (archive, options) => work.run(() => add(archive, options)),
    remove: (id) =>
      work.run(async () => {
        const { record } = find(id)
        await history.commit(
          { records: [putRecord(archiveKind, id, { ...record, isWhole: false })] },
          { isDurable: true }
        )
        whole.delete(id)
        init.onChange()
        await erase([id])
      }),
    async stop() {
      stopped.abort()
      await work.idle()
    }
  }
}

/** Authors of archives have ids that no user can have: half of one is the archive's, the rest a number. */
function authorOf(id: string, index: number): MessageOpened['author'] {
  return { userId: `${id}${index.toString(16).padStart(32, '0')}`, deviceId: '' }
}

/** Ids and names of everybody who wrote in an archive. */
export function participantsOf(
  id: string,
  { participants }: ArchiveRecord
): readonly { readonly id: string; readonly name: string }[] {
  return participants.map((name, index) => ({ id: authorOf(id, index).userId, name }))
}

function archivedView(id: string, archive: ArchiveRecord, record: MessageRecord): MessageView {
  const { userId } = record.author
  const index = Number.parseInt(userId.slice(-8), 16)
  return {
    id: record.id,
    author: { userId, name: archive.participants[index] ?? '?' },
    isOwn: archive.self !== null && userId === authorOf(id, archive.self).userId,
    text: record.text,
    sentAtMs: record.sentAtMs,
    isClockAhead: false,
    status: null,
    trail: null
  }
}

function recordOf(
  { format, claimedBy, exportedAtMs }: ParsedArchive,
  { title, participants, messages }: ArchiveTranscript,
  options: { readonly self?: string; readonly ownName: string; readonly importedAtMs: number }
): ArchiveRecord {
  const names = participants.map(({ name }) => name ?? options.ownName)
  const claimed = participants.findIndex(({ isSelf }) => isSelf)
  const self = claimed === -1 && options.self !== undefined ? names.indexOf(options.self) : claimed
  const others = names.filter((_, index) => index !== self).slice(0, MAX_TITLE_NAMES)
  return {
    title: title === '' ? (nameOf(others.join(', ')) ?? names[0] ?? '?') : title,
    format,
    importedAtMs: options.importedAtMs,
    claimedBy,
    exportedAtMs,
    participants: names,
    self: self === -1 ? null : self,
    messages: messages.length,
    isWhole: true
  }
}
