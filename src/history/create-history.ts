import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import type { Fact, MessageCell, MessageRecord } from '#messaging/conversation-reducer.ts'
import {
  authorKey,
  compareRecords,
  emptyCell,
  foldFact,
  idsOf,
  recordsOf,
  statusOf
} from '#messaging/conversation-reducer.ts'
import { inAppendOrder } from '#messaging/outbox.ts'
import type {
  CommitOutcome,
  ConversationChange,
  History,
  HistoryChange,
  MessageChange,
  MessagePage
} from './history.ts'
import type { IndexName } from './history-keys.ts'
import {
  FORMAT_KEY,
  HOLD_PREFIX,
  INDEXES,
  cellKey,
  cellPrefix,
  corruptKey,
  cursorKey,
  dueKey,
  duePrefix,
  endOf,
  holdKey,
  indexPrefix,
  outboxKey,
  outboxPrefix,
  parkedKey,
  parkedPrefix,
  positionOf,
  recordKey,
  recordPrefix,
  sessionKey
} from './history-keys.ts'
import type { Vault } from './ports.ts'
import { bytesRecord } from './record-kind.ts'
import type { RecordKind } from './record-kind.ts'
import type { IndexTarget, StoredCell } from './stored-values.ts'
import {
  cellCodec,
  cursorCodec,
  dueCodec,
  formatCodec,
  holdCodec,
  indexCodec,
  outboxCodec,
  parkedCodec,
  sessionCodec
} from './stored-values.ts'

/** Layout of the store that this version writes. Raised when older versions could not read it. */
export const HISTORY_FORMAT = 1

/** Most parked entries of one conversation. Bounds what a member can make others keep by sealing under keys that never come. */
export const MAX_PARKED_ENTRIES = 10_000

/** Most index keys read at a time while a window is filled: bounds memory, whatever window is asked for. */
const MAX_STEP = 128

export interface HistoryComponents {
  readonly store: KeyValueStore
  readonly vault: Vault
}

export interface HistoryInit {
  /** @default MAX_PARKED_ENTRIES */
  readonly maxParkedEntries?: number
}

/**
 * Opens the local store.
 *
 * @throws {DeadDropError} `data-newer` when a later version wrote it, `storage-corrupt` when its format cannot be read.
 */
export async function createHistory(
  { store, vault }: HistoryComponents,
  { maxParkedEntries = MAX_PARKED_ENTRIES }: HistoryInit = {}
): Promise<History> {
  const inTurn = createTurns()
  const unreadCounts = new Map<string, number>()
  const parkedCounts = new Map<string, number>()
  let isClosed = false
  let isFormatStored = await checkFormat()

  async function checkFormat(): Promise<boolean> {
    const version = await read(FORMAT_KEY, formatCodec)
    if (version === undefined) return false
    if (version > HISTORY_FORMAT) {
      throw new DeadDropError(
        'data-newer',
        `history has format ${version}, this version reads up to ${HISTORY_FORMAT}`
      )
    }
    return true
  }

  async function unseal<T>(key: string, sealed: Uint8Array, codec: RecordKind<T>): Promise<T> {
    let cause: unknown
    try {
      const plain = await vault.open(key, sealed)
      if (plain !== undefined) return codec.decode(plain)
    } catch (error) {
      cause = error
    }
    // The format tells whether a later version was here; anywhere else a strange version is one more kind of damage.
    if (key === FORMAT_KEY && isDeadDropError(cause) && cause.code === 'data-newer') throw cause
    throw new DeadDropError('storage-corrupt', `stored ${codec.name} cannot be read`, { cause })
  }

  async function read<T>(key: string, codec: RecordKind<T>): Promise<T | undefined> {
    const sealed = await store.get(key)
    return sealed === undefined ? undefined : unseal(key, sealed, codec)
  }

  /** `undefined` for what is not there and for what cannot be read: for lists that must go on. */
  async function readable<T>(
    key: string,
    sealed: Uint8Array | undefined,
    codec: RecordKind<T>
  ): Promise<T | undefined> {
    if (sealed === undefined) return undefined
    try {
      return await unseal(key, sealed, codec)
    } catch {
      return undefined
    }
  }

  async function readAll<T>(
    prefix: string,
    codec: RecordKind<T>,
    limit = Infinity
  ): Promise<{ readonly items: ReadonlyMap<string, T>; readonly corrupt: number }> {
    const items = new Map<string, T>()
    let corrupt = 0
    for await (const [key, sealed] of store.entries({ from: prefix, to: endOf(prefix) })) {
      if (items.size >= limit) break
      const value = await readable(key, sealed, codec)
      if (value === undefined) corrupt++
      else items.set(key.slice(prefix.length), value)
    }
    return { items, corrupt }
  }

  async function countKeys(prefix: string): Promise<number> {
    let count = 0
    const keys = store.entries({ from: prefix, to: endOf(prefix) })[Symbol.asyncIterator]()
    while ((await keys.next()).done !== true) count++
    return count
  }

  async function cachedCount(
    counts: Map<string, number>,
    conversation: string,
    prefix: string
  ): Promise<number> {
    const known = counts.get(conversation)
    if (known !== undefined) return known
    const counted = await countKeys(prefix)
    counts.set(conversation, counted)
    return counted
  }

  async function commit(change: HistoryChange, isDurable: boolean): Promise<CommitOutcome> {
    const batch = createBatch()
    const changed: MessageChange[] = []
    const counts: {
      readonly of: Map<string, number>
      readonly conversation: string
      readonly count: number
    }[] = []
    let unparked = 0
    let corrupt = 0

    if (!isFormatStored) batch.put(FORMAT_KEY, formatCodec, HISTORY_FORMAT)
    for (const conversation of assertDistinct(change.conversations ?? [])) {
      const cells = await stageCells(batch, conversation)
      changed.push(...cells.changed)
      corrupt += cells.corrupt
      if (cells.unreadDelta !== 0) {
        const before = await cachedCount(
          unreadCounts,
          conversation.id,
          indexPrefix('unread', conversation.id)
        )
        counts.push({
          of: unreadCounts,
          conversation: conversation.id,
          count: before + cells.unreadDelta
        })
      }
      if (conversation.session !== undefined) {
        batch.set(sessionKey(conversation.id), sessionCodec, conversation.session)
      }
      batch.apply(conversation.outbox, outboxKey, outboxCodec)
      batch.apply(conversation.due, (due) => dueKey(conversation.id, due), dueCodec)
      if (conversation.parked !== undefined) {
        const parked = await stageParked(batch, conversation.id, conversation.parked)
        unparked += parked.unparked
        counts.push({ of: parkedCounts, conversation: conversation.id, count: parked.count })
      }
    }
    for (const { log, arrival } of change.cursors ?? [])
      batch.put(cursorKey(log), cursorCodec, arrival)
    batch.apply(change.holdTasks, holdKey, holdCodec)
    for (const { kind, id, bytes } of change.records ?? []) {
      batch.set(recordKey(kind, id), bytesRecord(kind), bytes)
    }

    await store.write(await batch.seal(vault), { isDurable })
    // Only now: what was not stored must not be remembered.
    isFormatStored = true
    for (const { of, conversation, count } of counts) of.set(conversation, count)
    // Index entries of a message that was set aside are still there: count again.
    if (corrupt > 0) unreadCounts.clear()
    return { messages: changed, unparked, corrupt }
  }

  /** Folds facts into the cells concerned and keeps the indexes equal to what the cells say. */
  async function stageCells(
    batch: Batch,
    { id: conversation, ownUserId, facts = [], seen = [] }: ConversationChange
  ): Promise<{
    readonly changed: readonly MessageChange[]
    readonly unreadDelta: number
    readonly corrupt: number
  }> {
    const factsById = new Map<string, Fact[]>(seen.map((id) => [id, []]))
    for (const fact of facts) {
      for (const id of idsOf(fact)) {
        const known = factsById.get(id)
        if (known === undefined) factsById.set(id, [fact])
        else known.push(fact)
      }
    }
    const seenIds = new Set(seen)
    const ids = [...factsById.keys()]
    const keys = ids.map((id) => cellKey(conversation, id))
    const stored = keys.length === 0 ? [] : await store.getMany(keys)
    const changed: MessageChange[] = []
    let unreadDelta = 0
    let corrupt = 0

    for (const [position, id] of ids.entries()) {
      const key = keys[position] ?? cellKey(conversation, id)
      const sealed = stored[position]
      const readBack = await readable(key, sealed, cellCodec)
      if (sealed !== undefined && readBack === undefined) {
        // An unreadable message must not stop the conversation for ever: set it aside, and go on from nothing.
        corrupt++
        batch.putRaw(corruptKey(key), sealed)
        batch.remove(key)
      }
      const before = readBack ?? { cell: emptyCell(id), seen: [] }
      const cell = (factsById.get(id) ?? []).reduce<MessageCell>(foldFact, before.cell)
      const after = { cell, seen: seenIds.has(id) ? seenAuthors(cell) : before.seen }
      if (cell === before.cell && after.seen.length === before.seen.length) continue

      batch.put(key, cellCodec, after)
      for (const index of INDEXES) {
        const had = indexEntries(index, before, ownUserId)
        const has = indexEntries(index, after, ownUserId)
        for (const place of had.keys()) {
          if (!has.has(place)) batch.remove(`${indexPrefix(index, conversation)}${place}`)
        }
        for (const [place, target] of has) {
          if (!had.has(place))
            batch.put(`${indexPrefix(index, conversation)}${place}`, indexCodec, target)
        }
        if (index === 'unread') unreadDelta += has.size - had.size
      }
      if (cell !== before.cell) changed.push(...changedMessages(conversation, before.cell, cell))
    }
    changed.sort((a, b) => compareRecords(a.after, b.after))
    return { changed, unreadDelta, corrupt }
  }

  async function stageParked(
    batch: Batch,
    conversation: string,
    { put = [], remove = [] }: NonNullable<ConversationChange['parked']>
  ): Promise<{ readonly count: number; readonly unparked: number }> {
    const prefix = parkedPrefix(conversation)
    const touched = new Map<string, boolean>()
    for (const parked of remove) {
      const key = parkedKey(conversation, parked)
      batch.remove(key)
      touched.set(key, false)
    }
    for (const parked of put) {
      const key = parkedKey(conversation, parked)
      batch.put(key, parkedCodec, parked)
      touched.set(key, true)
    }
    const known = await store.getMany([...touched.keys()])
    let count = await cachedCount(parkedCounts, conversation, prefix)
    for (const [position, isKept] of [...touched.values()].entries()) {
      const wasThere = known[position] !== undefined
      if (isKept !== wasThere) count += isKept ? 1 : -1
    }
    let unparked = 0
    if (count > maxParkedEntries) {
      for await (const [key] of store.entries({ from: prefix, to: endOf(prefix) })) {
        if (touched.has(key)) continue
        batch.remove(key)
        unparked++
        if (count - unparked <= maxParkedEntries) break
      }
    }
    return { count: count - unparked, unparked }
  }

  /** Index entries of one index with their messages, in order, from `from` (inclusive) to `to` (exclusive). */
  async function* walk(
    conversation: string,
    index: IndexName,
    { from, to, isReverse, step }: Walk
  ): AsyncGenerator<{
    readonly key: string
    readonly record: MessageRecord | 'stale' | 'corrupt'
  }> {
    const prefix = indexPrefix(index, conversation)
    let range = { from, to }
    for (;;) {
      const entries: (readonly [key: string, sealed: Uint8Array])[] = []
      for await (const entry of store.entries({ ...range, isReverse, limit: step }))
        entries.push(entry)
      const targets = await Promise.all(
        entries.map(async ([key, sealed]) => readable(key, sealed, indexCodec))
      )
      const cells = await readCells(conversation, targets)
      for (const [position, [key]] of entries.entries()) {
        const target = targets[position]
        const stored = target === undefined ? undefined : cells.get(target.id)
        if (target === undefined || stored === undefined) {
          yield { key, record: 'corrupt' }
          continue
        }
        const place = key.slice(prefix.length)
        const record = recordsOf(stored.cell).find(
          (candidate) =>
            authorKey(candidate.author) === authorKey(target.author) &&
            positionOf(candidate) === place
        )
        yield { key, record: record ?? 'stale' }
      }
      const last = entries.at(-1)?.[0]
      if (entries.length < step || last === undefined) return
      range = isReverse ? { from, to: last } : { from: `${last}\0`, to }
    }
  }

  /** The readable ones among the cells that `targets` point to, by message id. */
  async function readCells(
    conversation: string,
    targets: readonly (IndexTarget | undefined)[]
  ): Promise<ReadonlyMap<string, StoredCell>> {
    const ids = [...new Set(targets.flatMap((target) => (target === undefined ? [] : [target.id])))]
    const keys = ids.map((id) => cellKey(conversation, id))
    const sealed = keys.length === 0 ? [] : await store.getMany(keys)
    const cells = await Promise.all(
      keys.map(async (key, position) => readable(key, sealed[position], cellCodec))
    )
    return new Map(
      ids.flatMap((id, position) => {
        const stored = cells[position]
        return stored === undefined ? [] : [[id, stored] as const]
      })
    )
  }

  function whole(
    conversation: string,
    index: IndexName
  ): { readonly from: string; readonly to: string } {
    const from = indexPrefix(index, conversation)
    return { from, to: endOf(from) }
  }

  async function messages(
    conversation: string,
    window: Parameters<History['messages']>[1]
  ): Promise<MessagePage> {
    const range = whole(conversation, 'order')
    const to =
      window.before === undefined ? range.to : await placeBefore(conversation, window.before)
    const records: MessageRecord[] = []
    let corrupt = 0
    for await (const { record } of walk(conversation, 'order', {
      from: range.from,
      to,
      isReverse: true,
      // One more tells whether there are older ones.
      step: stepFor(window.limit + 1)
    })) {
      if (record === 'stale') continue
      if (records.length >= window.limit) {
        return { records: records.reverse(), hasOlder: true, corrupt }
      }
      if (record === 'corrupt') corrupt++
      else records.push(record)
    }
    return { records: records.reverse(), hasOlder: false, corrupt }
  }

  async function placeBefore(
    conversation: string,
    before: NonNullable<Parameters<History['messages']>[1]['before']>
  ): Promise<string> {
    const id = typeof before === 'string' ? before : before.id
    const records = await message(conversation, id)
    const record =
      typeof before === 'string'
        ? records.at(-1)
        : records.find((candidate) => authorKey(candidate.author) === authorKey(before.author))
    if (record === undefined) {
      throw new DeadDropError('message-unknown', 'message to page from is not in the conversation')
    }
    return `${indexPrefix('order', conversation)}${positionOf(record)}`
  }

  async function message(conversation: string, id: string): Promise<readonly MessageRecord[]> {
    let key: string
    try {
      key = cellKey(conversation, id)
    } catch {
      return []
    }
    const stored = await read(key, cellCodec)
    return stored === undefined ? [] : recordsOf(stored.cell)
  }

  async function eraseMessages(conversation: string, limit: number): Promise<boolean> {
    const cells = cellPrefix(conversation)
    // The lists go first: a message that no list names is not shown, one that is named and gone is damage.
    const prefixes = [
      ...INDEXES.map((index) => indexPrefix(index, conversation)),
      cells,
      corruptKey(cells)
    ]
    const writes: KeyValueWrite[] = []
    for (const prefix of prefixes) {
      const range = { from: prefix, to: endOf(prefix), limit: limit - writes.length }
      for await (const [key] of store.entries(range)) writes.push({ key, value: null })
      if (writes.length >= limit) break
    }
    if (writes.length > 0) await store.write(writes)
    unreadCounts.delete(conversation)
    return writes.length >= limit
  }

  async function firstUnread(conversation: string): Promise<MessageRecord | undefined> {
    const dead: KeyValueWrite[] = []
    let found: MessageRecord | undefined
    for await (const { key, record } of walk(conversation, 'unread', {
      ...whole(conversation, 'unread'),
      isReverse: false,
      step: stepFor(1)
    })) {
      if (typeof record !== 'string') {
        found = record
        break
      }
      dead.push({ key, value: null })
    }
    if (dead.length > 0) {
      // What cannot be shown can never be seen: without this it would count as unread for ever.
      await store.write(dead)
      unreadCounts.delete(conversation)
    }
    return found
  }

  async function undelivered(
    conversation: string,
    limit: number
  ): Promise<readonly MessageRecord[]> {
    const records: MessageRecord[] = []
    if (limit <= 0) return records
    for await (const { record } of walk(conversation, 'undelivered', {
      ...whole(conversation, 'undelivered'),
      isReverse: false,
      step: stepFor(limit)
    })) {
      if (typeof record !== 'string') records.push(record)
      if (records.length >= limit) break
    }
    return records
  }

  function whileOpen<T>(task: () => Promise<T>): Promise<T> {
    return inTurn(async () => {
      if (isClosed) throw new DeadDropError('stopped', 'history is closed')
      return task()
    })
  }

  return {
    commit: (change, options) => whileOpen(() => commit(change, options?.isDurable ?? false)),
    record: (kind, id) => whileOpen(() => read(recordKey(kind.name, id), kind)),
    records: (kind) => whileOpen(() => readAll(recordPrefix(kind.name), kind)),
    session: (conversation) => whileOpen(() => read(sessionKey(conversation), sessionCodec)),
    cursor: (log) => whileOpen(async () => (await read(cursorKey(log), cursorCodec)) ?? 0),
    messages: (conversation, window) => whileOpen(() => messages(conversation, window)),
    message: (conversation, id) => whileOpen(() => message(conversation, id)),
    eraseMessages: (conversation, limit) => whileOpen(() => eraseMessages(conversation, limit)),
    unreadCount: (conversation) =>
      whileOpen(() => cachedCount(unreadCounts, conversation, indexPrefix('unread', conversation))),
    firstUnread: (conversation) => whileOpen(() => firstUnread(conversation)),
    undelivered: (conversation, limit) => whileOpen(() => undelivered(conversation, limit)),
    outbox: (conversation) =>
      whileOpen(async () => {
        const { items } = await readAll(outboxPrefix(conversation), outboxCodec)
        return inAppendOrder([...items.values()])
      }),
    holdTasks: () =>
      whileOpen(async () => [...(await readAll(HOLD_PREFIX, holdCodec)).items.values()]),
    parked: (conversation, limit) =>
      whileOpen(async () => [
        ...(await readAll(parkedPrefix(conversation), parkedCodec, limit)).items.values()
      ]),
    dueReceipts: (conversation, limit) =>
      whileOpen(async () => [
        ...(await readAll(duePrefix(conversation), dueCodec, limit)).items.values()
      ]),
    async close() {
      await inTurn(async () => {
        isClosed = true
      })
    }
  }
}

interface Walk {
  readonly from: string
  readonly to: string
  readonly isReverse: boolean
  /** Index entries read at a time. */
  readonly step: number
}

function stepFor(wanted: number): number {
  return Math.max(1, Math.min(wanted, MAX_STEP))
}

interface PutsAndRemoves<T> {
  readonly put?: readonly T[]
  readonly remove?: readonly T[]
}

interface Batch {
  put<T>(key: string, codec: RecordKind<T>, value: T): void
  /** Bytes that are sealed already. */
  putRaw(key: string, sealed: Uint8Array): void
  remove(key: string): void
  /** {@link put}, or {@link remove} for `null`. */
  set<T>(key: string, codec: RecordKind<T>, value: T | null): void
  /** Removes first: what is put in the same change stays. */
  apply<T>(
    changes: PutsAndRemoves<T> | undefined,
    keyOf: (value: T) => string,
    codec: RecordKind<T>
  ): void
  seal(vault: Vault): Promise<readonly KeyValueWrite[]>
}

/** Collects writes, the last one of a key counts; seals them all before the store is touched. */
function createBatch(): Batch {
  const plain = new Map<string, Uint8Array | null>()
  const raw = new Map<string, Uint8Array>()
  return {
    put(key, codec, value) {
      plain.set(key, codec.encode(value))
    },
    putRaw(key, sealed) {
      raw.set(key, sealed)
    },
    remove(key) {
      plain.set(key, null)
    },
    set(key, codec, value) {
      plain.set(key, value === null ? null : codec.encode(value))
    },
    apply(changes, keyOf, codec) {
      for (const value of changes?.remove ?? []) plain.set(keyOf(value), null)
      for (const value of changes?.put ?? []) plain.set(keyOf(value), codec.encode(value))
    },
    async seal(vault) {
      const sealed = [...plain].map(async ([key, bytes]) => ({
        key,
        value: bytes === null ? null : await vault.seal(key, bytes)
      }))
      return [...[...raw].map(([key, value]) => ({ key, value })), ...(await Promise.all(sealed))]
    }
  }
}

/** The second of two changes would not see the first one's messages. */
function assertDistinct(changes: readonly ConversationChange[]): readonly ConversationChange[] {
  if (new Set(changes.map((change) => change.id)).size < changes.length) {
    throw new DeadDropError('internal', 'a change names one conversation twice')
  }
  return changes
}

function seenAuthors(cell: MessageCell): readonly string[] {
  return cell.versions.map((version) => authorKey(version.author))
}

/** Where one index lists the messages of a cell. */
function indexEntries(
  index: IndexName,
  { cell, seen }: StoredCell,
  ownUserId: string
): ReadonlyMap<string, IndexTarget> {
  const listed = recordsOf(cell).filter((record) => {
    const isOwn = record.author.userId === ownUserId
    switch (index) {
      case 'order':
        return true
      case 'unread':
        return !isOwn && !seen.includes(authorKey(record.author))
      case 'undelivered':
        return isOwn && !['delivered', 'read'].includes(statusOf(record))
    }
  })
  return new Map(
    listed.map((record) => [positionOf(record), { id: cell.id, author: record.author }])
  )
}

function changedMessages(
  conversation: string,
  before: MessageCell,
  after: MessageCell
): MessageChange[] {
  const known = new Map(recordsOf(before).map((record) => [authorKey(record.author), record]))
  return recordsOf(after).flatMap((record) => {
    const old = known.get(authorKey(record.author)) ?? null
    const isSame = old !== null && JSON.stringify(old) === JSON.stringify(record)
    return isSame ? [] : [{ conversation, before: old, after: record }]
  })
}

/** Runs tasks one after another in the order of the calls; a task that fails does not stop the next one. */
function createTurns(): <T>(task: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve()
  return (task) => {
    const result = tail.then(task)
    tail = result.catch(() => undefined)
    return result
  }
}
