import { webcrypto } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createArchives, participantsOf, type Archives } from '#client/archives.ts'
import type { MessageView } from '#client/client.ts'
import { DEFAULT_SETTINGS } from '#client/create-client.ts'
import { exportData } from '#client/export-data.ts'
import type { History } from '#history/history.ts'
import type { ParsedArchive } from '#messaging/archive/archive.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { linesOf, parsed } from '#tests/support/archive-fixtures.ts'
import { dump, openHistory, withFaults } from '#tests/support/history-fixtures.ts'

const clock = createSystemClock()

async function openArchives(
  store: KeyValueStore
): Promise<{ readonly history: History; readonly archives: Archives }> {
  const history = await openHistory(store)
  const randomBytes = (length: number): Uint8Array =>
    webcrypto.getRandomValues(new Uint8Array(length))
  const init = { onChange: () => undefined, onDamaged: () => undefined }
  return { history, archives: await createArchives({ history, clock, randomBytes }, init) }
}

async function exportOf({
  history,
  archives
}: {
  readonly history: History
  readonly archives: Archives
}): Promise<string> {
  const conversations = archives.summaries().flatMap(({ id, title, archive }) => {
    const record = archives.record(id)
    return record === undefined
      ? []
      : [
          {
            id,
            title,
            archive,
            draft: '',
            participants: participantsOf(id, record).map((participant) => ({
              ...participant,
              isSelf: participant.id === archives.ownUserId(id)
            })),
            viewOf: (message: Parameters<Archives['viewOf']>[1]): MessageView =>
              archives.viewOf(id, message)
          }
        ]
  })
  const pieces: string[] = []
  const profile = { userId: 'a1'.repeat(32), deviceId: 'd1'.repeat(16), name: 'Alice' }
  const init = {
    exportedAtMs: 1_700_000_000_000,
    profile,
    settings: DEFAULT_SETTINGS,
    nodes: [],
    conversations
  }
  for await (const piece of exportData(history, init)) pieces.push(piece)
  return pieces.join('')
}

const anyName = fc.constantFrom('Alice', 'Bob', 'Carol', 'Zoé', '李雷')
const anyText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .map((text) => text.toWellFormed())
const anyArchive: fc.Arbitrary<ParsedArchive> = fc
  .array(
    fc.record({
      title: anyName,
      messages: fc.array(
        fc.record({ author: fc.nat(1), text: anyText, sentAtMs: fc.nat(2_000_000_000_000) }),
        { minLength: 1, maxLength: 450 }
      ),
      isSelfKnown: fc.boolean()
    }),
    { minLength: 1, maxLength: 3 }
  )
  .map((conversations) => ({
    format: 'telegram',
    claimedBy: null,
    exportedAtMs: null,
    skipped: { counts: { service: 0, attachment: 0, unreadable: 0 }, firstUnreadable: null },
    transcripts: conversations.map(({ title, messages, isSelfKnown }) => ({
      title,
      participants: [
        { name: 'Alice', isSelf: isSelfKnown },
        { name: 'Bob', isSelf: false }
      ],
      messages
    }))
  }))

const contentOf = (archive: ParsedArchive): readonly (readonly string[])[] =>
  archive.transcripts
    .map((transcript, index) => [transcript.title, ...linesOf(archive, index)])
    .sort((a, b) => (a.join('\n') < b.join('\n') ? -1 : 1))

it('what is imported, exported and read again says the same', async () => {
  await fc.assert(
    fc.asyncProperty(anyArchive, async (archive) => {
      const opened = await openArchives(createMemoryStore())
      await opened.archives.add(archive, { ownName: 'Alice' })
      const again = parsed(await exportOf(opened))
      expect(again).toMatchObject({
        format: 'deaddrop',
        claimedBy: 'Alice',
        exportedAtMs: 1_700_000_000_000
      })
      expect(contentOf(again)).toEqual(contentOf(archive))
      expect(again.skipped.counts).toEqual({ service: 0, attachment: 0, unreadable: 0 })
    }),
    { numRuns: 10 }
  )
}, 60_000)

it('an import that fails or dies at any write appears whole or not at all, and leaves nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyArchive,
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('refused' as const, 'crashed' as const),
      async (archive, at, fault) => {
        const store = createMemoryStore()
        const before = await openArchives(store)
        const faulty = withFaults(store, (write) => (write >= at ? fault : undefined))
        const { archives } = await openArchives(faulty)
        const added = await archives.add(archive, { ownName: 'Alice' }).catch(() => undefined)
        await archives.stop()
        await before.archives.stop()
        const next = await openArchives(store)
        await next.archives.stop()
        const shown = next.archives.summaries().length
        if (added !== undefined) expect(shown).toBe(archive.transcripts.length)
        expect([0, archive.transcripts.length]).toContain(shown)
        for (const { id, archive: kept } of next.archives.summaries()) {
          const { records } = await next.history.messages(id, { limit: 1_000 })
          expect(records).toHaveLength(kept?.messages ?? 0)
        }
        const last = await openArchives(store)
        await expect.poll(async () => strayKeys(store, last.archives)).toEqual([])
      }
    ),
    { numRuns: 15 }
  )
}, 60_000)

/** Keys of messages and lists that belong to no archive which is shown. */
async function strayKeys(store: KeyValueStore, archives: Archives): Promise<readonly string[]> {
  const ids = new Set(archives.summaries().map(({ id }) => id))
  return [...(await dump(store)).keys()].filter((key) => {
    const [, kind = '', second = '', third = ''] = key.split('/')
    const id = kind === 'record' ? third : second
    return kind !== 'format' && !ids.has(id)
  })
}

it('a removed archive leaves no key in the store, and the others stay', async () => {
  const store = createMemoryStore()
  const { history, archives } = await openArchives(store)
  const [sample] = fc.sample(anyArchive, { numRuns: 1, seed: 7 })
  if (sample === undefined) throw new Error('no sample')
  const [first = ''] = await archives.add(sample, { ownName: 'Alice' })
  const [second = ''] = await archives.add(sample, { ownName: 'Alice', self: 'Bob' })
  await archives.remove(first)
  expect([...(await dump(store)).keys()].filter((key) => key.includes(first))).toEqual([])
  expect((await history.messages(second, { limit: 1_000 })).records).toHaveLength(
    sample.transcripts[0]?.messages.length ?? 0
  )
  await expect(archives.remove(first)).rejects.toMatchObject({ code: 'conversation-unknown' })
})

it('an aborted import is removed at once', async () => {
  const store = createMemoryStore()
  const { archives } = await openArchives(store)
  const abort = new AbortController()
  const text = Array.from(
    { length: 900 },
    (_, index) => `2024-02-03, 10:00 - Alice: ${index}`
  ).join('\n')
  const adding = archives.add(parsed(text), {
    ownName: 'Alice',
    signal: abort.signal,
    onProgress: () => {
      abort.abort()
    }
  })
  await expect(adding).rejects.toMatchObject({ code: 'stopped' })
  expect(await strayKeys(store, archives)).toEqual([])
})
