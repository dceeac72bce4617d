import { Log } from '@orbitdb/core/src/oplog/index.js'
import type { Oplog, OplogAccess, OplogIdentity } from '@orbitdb/core/src/oplog/index.js'
import { TypedEventEmitter } from 'main-event'
import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { LogWriter } from '#protocol/gate.ts'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { MAX_ENTRY_NEXT, MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { encodeLogManifest, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { LogEvents, LogSize, SealedEntry, SealedLog } from '../sealed-log.ts'
import { blockKey } from '../storage/store-blockstore.ts'
import { createEntryHasher } from './entry-hash.ts'
import type { Sha256 } from './entry-hash.ts'
import { createEntryRules, isCausal, readStoredEntry } from './entry-rules.ts'
import type { EntryRefusal, EntryRules, LogEntry } from './entry-rules.ts'
import { createLogKeys, encodeIndexRow, hashOfKey } from './log-keys.ts'
import type { IndexRow, LogKeys } from './log-keys.ts'
import { encodeLogState, loadLogState } from './log-state.ts'
import type { LogState } from './log-state.ts'
import { Mutex } from './mutex.ts'
import { OplogStorages } from './oplog-storages.ts'
import type { Head } from './oplog-storages.ts'
import { createWriterIdentity } from './writer-identity.ts'

/** Entries whose ancestors have not come yet, per log. Only admitted writers can fill it; the oldest gives way. */
const MAX_HELD_ENTRIES = 512
/** Heads named in {@link Have}: more would not fit a frame; what is left out is only sent twice. */
const MAX_HAVE_HEADS = 512
const MAX_LADDER_RUNGS = 64
const PAGE = 256

/** What one replica tells another about a log: enough to find the newest common entries without a round trip per level. */
export interface Have {
  readonly heads: readonly EntryHash[]
  /** Older entries at exponentially growing distance. Whoever names an entry has all its ancestors. */
  readonly ladder: readonly EntryHash[]
  /** The quota refuses more: entries would be sent in vain, in every round again. */
  readonly isFull: boolean
}

/** Outcome of the checks that need nothing but the bytes. */
export type Judgement =
  | { readonly kind: 'known'; readonly hash: EntryHash }
  | { readonly kind: 'refused'; readonly reason: EntryRefusal }
  | { readonly kind: 'valid'; readonly entry: LogEntry }

export interface IngestOutcome {
  /** In the order of arrival, released ones included. */
  readonly stored: readonly LogEntry[]
  /** Entries that wait for ancestors, of those that were handed in. */
  readonly held: number
  readonly refused: number
}

/** An entry as it lies in the store. */
export interface StoredBlock {
  readonly hash: EntryHash
  readonly bytes: Uint8Array
}

export type MayStore = (size: LogSize, entryBytes: number) => boolean

export interface OrbitLogComponents {
  readonly store: KeyValueStore
  readonly verifier: SignatureVerifier
  /** @default in script, where the platform has no synchronous one */
  readonly sha256?: Sha256
  /** Called after an own entry is on disk. Must not throw. */
  readonly publishEntry: (entry: LogEntry) => void
  /** Called for `sendLive`. Must not throw. */
  readonly publishLive: (writer: LogWriter, sealed: SealedBytes) => Promise<void>
  /** Called once, when the log was closed. */
  readonly onClosed: () => void
}

/**
 * A log as the replication sees it. The entries form a true OrbitDB 4 log: its `Log` appends, over storages that turn each
 * change into one atomic write; entries of others are joined here, with the outcome that its `joinEntry` has.
 */
export class OrbitLog implements SealedLog {
  readonly address: LogAddress
  readonly manifest: LogManifest
  readonly #components: OrbitLogComponents
  readonly #keys: LogKeys
  readonly #rules: EntryRules
  readonly #hashOf: (bytes: Uint8Array) => EntryHash
  readonly #storages: OplogStorages
  readonly #identity: OplogIdentity
  readonly #mutex = new Mutex()
  readonly #events = new TypedEventEmitter<LogEvents>()
  readonly #held = new Map<EntryHash, LogEntry>()
  readonly #waitingFor = new Map<EntryHash, Set<EntryHash>>()
  readonly #refusals: Record<string, number> = {}
  #writer: LogWriter | undefined
  #mayStore: MayStore = () => true
  /** Size of the smallest entry that the quota refused since it last had room. */
  #refusedBytes: number | undefined
  #state: LogState
  #oplog: Oplog | undefined
  #isClosed = false
  #closing: Promise<void> | undefined

  /** Use {@link openOrbitLog}. */
  constructor(components: OrbitLogComponents, manifest: LogManifest, state: LogState) {
    this.address = logAddressOf(manifest)
    this.manifest = manifest
    this.#components = components
    this.#keys = createLogKeys(this.address)
    this.#rules = createEntryRules(components, { manifest, address: this.address })
    this.#hashOf = createEntryHasher(components.sha256)
    this.#storages = new OplogStorages(components.store, this.#keys)
    this.#identity = createWriterIdentity({
      verifier: components.verifier,
      writer: () => this.#writer
    })
    this.#state = state
  }

  /** Gives an open log the right to write or a quota; `undefined` leaves what it has. */
  grant(options: { readonly writer?: LogWriter; readonly mayStore?: MayStore }): void {
    if (options.writer !== undefined) this.#writer = options.writer
    if (options.mayStore !== undefined) this.#mayStore = options.mayStore
  }

  async append(sealed: SealedBytes): Promise<SealedEntry> {
    // Asked now, not when its turn comes: what was called before `close` is stored.
    this.#assertOpen()
    return this.#mutex.run(async () => {
      if (this.#writer === undefined)
        throw new DeadDropError('internal', 'log was opened without a writer')
      if (sealed.byteLength < 1 || sealed.byteLength > MAX_SEALED_BYTES) {
        throw new DeadDropError(
          'bytes-too-large',
          `envelope is ${sealed.byteLength} bytes, allowed 1..${MAX_SEALED_BYTES}`
        )
      }
      // An entry names a bounded number of heads, the newest first; the next appends name the rest.
      const heads = this.#sortedHeads()
      const named = heads.slice(0, MAX_ENTRY_NEXT)
      const stored = await this.#change(async () => {
        this.#storages.showHeads(named)
        const oplog = await this.#openOplog()
        const { hash } = await oplog.append(
          { op: 'ADD', key: null, value: sealed },
          { referencesCount: 0 }
        )
        const bytes = this.#storages.pendingBlock(hash)
        const entry = bytes === undefined ? undefined : readStoredEntry(bytes, hash as EntryHash) // the log computed it
        if (entry === undefined)
          throw new DeadDropError('internal', 'the log produced an entry that it cannot read')
        return { entries: [entry], heads: [entry, ...heads.slice(MAX_ENTRY_NEXT)] }
      })
      const [entry] = stored
      if (entry === undefined) throw new DeadDropError('internal', 'append stored nothing')
      this.#components.publishEntry(entry)
      return this.#sealedEntry(entry, this.#state.entries)
    })
  }

  async heads(): Promise<readonly EntryHash[]> {
    return this.#sortedHeads().map(({ hash }) => hash)
  }

  async has(hash: EntryHash): Promise<boolean> {
    return (await this.#storages.row(hash)) !== undefined
  }

  async isCovered(hash: EntryHash, heads: readonly EntryHash[]): Promise<boolean> {
    const target = await this.#storages.row(hash)
    if (target === undefined) return false
    const seen = new Set<string>()
    let level = await this.#storages.rows(heads)
    while (level.size > 0) {
      if (level.has(hash)) return true
      const parents = new Set<EntryHash>()
      for (const [candidate, row] of level) {
        // Time falls along every link: nothing below the target's time leads to it.
        if (row.time <= target.time || seen.has(candidate)) continue
        seen.add(candidate)
        const entry = await this.#read(candidate as EntryHash) // keys of `rows` are the hashes that were asked for
        for (const parent of [...entry.next, ...entry.refs])
          if (!seen.has(parent)) parents.add(parent)
      }
      level = await this.#storages.rows(parents)
    }
    return false
  }

  async *entries(after = 0): AsyncGenerator<SealedEntry> {
    let position = after
    while (position < this.#state.entries) {
      const hashes: EntryHash[] = []
      const range = { ...this.#keys.arrivalsAfter(position), limit: PAGE }
      for await (const [, value] of this.#components.store.entries(range)) {
        hashes.push(new TextDecoder().decode(value) as EntryHash) // written by #change
      }
      if (hashes.length === 0) return
      for (const entry of await this.#readMany(hashes)) yield this.#sealedEntry(entry, ++position)
    }
  }

  size(): LogSize {
    return { entries: this.#state.entries, bytes: this.#state.bytes }
  }

  async sendLive(sealed: SealedBytes): Promise<void> {
    this.#assertOpen()
    if (this.#writer === undefined)
      throw new DeadDropError('internal', 'log was opened without a writer')
    await this.#components.publishLive(this.#writer, sealed)
  }

  addEventListener<K extends keyof LogEvents>(
    type: K,
    listener: (event: LogEvents[K]) => void,
    options?: { signal?: AbortSignal }
  ): void {
    this.#events.addEventListener(type, listener, options)
  }

  emit<K extends keyof LogEvents>(type: K, detail: LogEvents[K]['detail']): void {
    this.#events.safeDispatchEvent(type, { detail })
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#closing ??= this.#mutex.run(async () => {
      this.#components.onClosed()
    })
    return this.#closing
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether entries wait for ancestors that have not come. */
  get hasHeld(): boolean {
    return this.#held.size > 0
  }

  /** Entries whose ancestors have not come. */
  heldEntries(): readonly LogEntry[] {
    return [...this.#held.values()]
  }

  /** The newest heads, as they are stored. @param among - only those of them. */
  async headBlocks(
    maxHeads: number,
    among?: ReadonlySet<EntryHash>
  ): Promise<readonly Uint8Array[]> {
    const heads = this.#sortedHeads().filter(({ hash }) => among?.has(hash) ?? true)
    const blocks = await this.#readBlocks(heads.slice(0, maxHeads).map(({ hash }) => hash))
    return blocks.map(({ bytes }) => bytes)
  }

  /** The checks that need nothing but the bytes. Never throws on hostile bytes. */
  async judge(bytes: Uint8Array): Promise<Judgement> {
    const [judgement] = await this.judgeAll([bytes])
    return judgement ?? { kind: 'refused', reason: 'malformed' }
  }

  /** {@link judge} for a batch: one look at the disk, and all signatures checked at once. */
  async judgeAll(batch: readonly Uint8Array[]): Promise<readonly Judgement[]> {
    const hashes = batch.map(this.#hashOf)
    const rows = await this.#storages.rows(hashes)
    return Promise.all(
      batch.map(async (bytes, position): Promise<Judgement> => {
        const hash = hashes[position]
        if (hash !== undefined && (this.#held.has(hash) || rows.has(hash))) {
          return { kind: 'known', hash }
        }
        const verdict = await this.#rules.check(bytes, hash)
        if (!verdict.ok) {
          this.#countRefusal(verdict.reason)
          return { kind: 'refused', reason: verdict.reason }
        }
        return { kind: 'valid', entry: verdict.entry }
      })
    )
  }

  /**
   * Stores judged entries, in any order and with any duplicates, in one atomic write. What lacks an ancestor is held until
   * the ancestor comes.
   *
   * @throws {DeadDropError} `storage-full` or `storage-denied`; nothing of the batch is stored then.
   */
  ingest(entries: readonly LogEntry[]): Promise<IngestOutcome> {
    return this.#mutex.run(async () => {
      if (this.#isClosed) return { stored: [], held: 0, refused: 0 }
      const plan = await this.#plan(entries)
      if (plan.accepted.length > 0) {
        // Rules, signatures and causality were checked above, all ancestors are here: OrbitDB's own join, which reads, checks
        // and encodes each entry again, would give the same heads.
        const covered = new Set(plan.accepted.flatMap(({ next, refs }) => [...next, ...refs]))
        const heads = [...this.#state.heads, ...plan.accepted].filter(
          ({ hash }) => !covered.has(hash)
        )
        await this.#change(async () => ({ entries: plan.accepted, heads }))
        for (const { hash } of plan.accepted) this.#settle(hash)
      }
      return { stored: plan.accepted, held: plan.held, refused: plan.refused }
    })
  }

  /** Asks the quota anew: room may have been made elsewhere. */
  #isFull(): boolean {
    if (this.#refusedBytes === undefined) return false
    const { entries, bytes } = this.#state
    const size = { entries: entries + 1, bytes: bytes + this.#refusedBytes }
    if (this.#mayStore(size, this.#refusedBytes)) this.#refusedBytes = undefined
    return this.#refusedBytes !== undefined
  }

  /** What this replica has, for an exchange with a peer. */
  async have(): Promise<Have> {
    const { entries } = this.#state
    const positions = new Set<number>()
    for (
      let distance = 1;
      distance < entries && positions.size < MAX_LADDER_RUNGS - 1;
      distance *= 2
    ) {
      positions.add(entries - distance)
    }
    if (entries > 1) positions.add(1)
    const values = await this.#components.store.getMany(
      [...positions].map((position) => this.#keys.arrival(position))
    )
    const ladder = values.flatMap(
      (value) => (value === undefined ? [] : [new TextDecoder().decode(value) as EntryHash]) // written by #change
    )
    return {
      heads: (await this.heads()).slice(0, MAX_HAVE_HEADS),
      ladder,
      isFull: this.#isFull()
    }
  }

  /**
   * Pages of entries that a peer lacks who has `known` and its ancestors, in causal order; empty pages while it looks for
   * the first one. What comes later than the call is left out: it may be from that peer. Reads as far back as the oldest
   * entry that the peer lacks, and holds no more than hashes in memory.
   */
  async *missingFrom(known: readonly EntryHash[]): AsyncGenerator<readonly StoredBlock[]> {
    const { entries: count } = this.#state
    const heads = await this.heads()
    const theirs = new Set<string>((await this.#storages.rows(known)).keys())
    if (theirs.size === 0) {
      yield* this.#everything(count)
      return
    }
    const wanted = new Set<string>(heads.filter((hash) => !theirs.has(hash)))
    const missing: EntryHash[] = []
    let to = this.#keys.orders.to
    while (wanted.size > 0) {
      const keys: string[] = []
      for await (const [key] of this.#components.store.entries({
        from: this.#keys.orders.from,
        to,
        isReverse: true,
        limit: PAGE
      })) {
        keys.push(key)
      }
      const last = keys.at(-1)
      if (last === undefined) break
      to = last
      // Newest first: every child of an entry was seen before the entry, so its side is known.
      for (const entry of await this.#readMany(keys.map(hashOfKey))) {
        const parents = [...entry.next, ...entry.refs]
        if (theirs.delete(entry.hash)) {
          for (const parent of parents) {
            theirs.add(parent)
            wanted.delete(parent)
          }
        } else if (wanted.delete(entry.hash)) {
          missing.push(entry.hash)
          for (const parent of parents) if (!theirs.has(parent)) wanted.add(parent)
        }
        if (wanted.size === 0) break
      }
      // A long look back must not look like silence to the peer.
      if (wanted.size > 0) yield []
    }
    missing.reverse()
    for (let start = 0; start < missing.length; start += PAGE) {
      yield await this.#readBlocks(missing.slice(start, start + PAGE))
    }
  }

  /** @param count - entries that arrived later are left out. */
  async *#everything(count: number): AsyncGenerator<readonly StoredBlock[]> {
    let { from } = this.#keys.orders
    for (;;) {
      const keys: string[] = []
      for await (const [key] of this.#components.store.entries({
        from,
        to: this.#keys.orders.to,
        limit: PAGE
      })) {
        keys.push(key)
      }
      const last = keys.at(-1)
      if (last === undefined) return
      let hashes = keys.map(hashOfKey)
      if (this.#state.entries > count) {
        const rows = await this.#storages.rows(hashes)
        hashes = hashes.filter((hash) => (rows.get(hash)?.arrival ?? Infinity) <= count)
      }
      yield await this.#readBlocks(hashes)
      from = `${last}\0`
    }
  }

  /** Sorts entries into accepted (in causal order), held and refused. Changes nothing but the held ones. */
  async #plan(
    entries: readonly LogEntry[]
  ): Promise<{ accepted: LogEntry[]; held: number; refused: number }> {
    const rows = await this.#storages.rows(
      entries.flatMap(({ hash, next, refs }) => [hash, ...next, ...refs])
    )
    const times = new Map<EntryHash, number>()
    const refused = new Map<EntryHash, EntryRefusal>()
    const accepted: LogEntry[] = []
    let { entries: count, bytes } = this.size()
    let held = 0
    const isFull = this.#isFull()

    // Time grows along every link, so this order puts ancestors first.
    const queue = [...entries].sort((a, b) => b.time - a.time || (a.hash < b.hash ? 1 : -1))
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
      const { hash, next, refs } = entry
      if (times.has(hash) || refused.has(hash) || rows.has(hash)) continue
      const parents = [...next, ...refs]
      const timeOf = (parent: EntryHash): number | undefined =>
        times.get(parent) ?? rows.get(parent)?.time
      const cause = parents
        .map((parent) => refused.get(parent))
        .find((reason) => reason !== undefined)
      const missing = parents.filter((parent) => timeOf(parent) === undefined)
      let reason: EntryRefusal | undefined = cause
      // Ancestors would be fetched from everybody, for an entry that has no place when they come.
      if (reason === undefined && missing.length > 0 && isFull) reason = 'over-quota'
      if (reason === undefined && missing.length > 0) {
        if (!this.#held.has(hash)) held += 1
        this.#hold(entry, missing)
        continue
      }
      const parentTimes = {
        next: next.map((parent) => timeOf(parent) ?? 0),
        refs: refs.map((parent) => timeOf(parent) ?? 0)
      }
      if (reason === undefined && !isCausal(entry, parentTimes)) reason = 'time-not-causal'
      const size = { entries: count + 1, bytes: bytes + entry.bytes.byteLength }
      if (reason === undefined && !this.#mayStore(size, entry.bytes.byteLength)) {
        reason = 'over-quota'
        this.#refusedBytes = Math.min(this.#refusedBytes ?? Infinity, entry.bytes.byteLength)
      }
      if (reason === undefined) {
        accepted.push(entry)
        times.set(hash, entry.time)
        count = size.entries
        bytes = size.bytes
      } else {
        refused.set(hash, reason)
        this.#countRefusal(reason)
      }
      const children = [...(this.#waitingFor.get(hash) ?? [])].flatMap(
        (child) => this.#held.get(child) ?? []
      )
      if (children.length === 0) continue
      const childRows = await this.#storages.rows(
        children.flatMap((child) => [...child.next, ...child.refs])
      )
      for (const [parent, row] of childRows) rows.set(parent, row)
      queue.push(...children)
    }
    for (const hash of refused.keys()) this.#settle(hash)
    return { accepted, held, refused: refused.size }
  }

  #hold(entry: LogEntry, missing: readonly EntryHash[]): void {
    this.#held.set(entry.hash, entry)
    for (const parent of missing) {
      const children = this.#waitingFor.get(parent) ?? new Set()
      children.add(entry.hash)
      this.#waitingFor.set(parent, children)
    }
    if (this.#held.size <= MAX_HELD_ENTRIES) return
    const oldest = this.#held.keys().next()
    if (oldest.done !== true) this.#release(oldest.value)
  }

  /** The fate of `hash` is known, and so is that of everything that waited for it alone. */
  #settle(hash: EntryHash): void {
    this.#waitingFor.delete(hash)
    this.#release(hash)
  }

  /** Ends the wait of `hash` itself; who waits for it goes on waiting. */
  #release(hash: EntryHash): void {
    const entry = this.#held.get(hash)
    if (entry === undefined) return
    this.#held.delete(hash)
    for (const parent of [...entry.next, ...entry.refs]) {
      const children = this.#waitingFor.get(parent)
      children?.delete(hash)
      if (children?.size === 0) this.#waitingFor.delete(parent)
    }
  }

  /**
   * One change of the log, in one atomic write.
   *
   * @param work - what is new, and the heads from then on; it may leave traces in the storages, which a failure undoes.
   */
  async #change(
    work: () => Promise<{
      readonly entries: readonly LogEntry[]
      readonly heads: readonly (Head & { readonly time: number })[]
    }>
  ): Promise<readonly LogEntry[]> {
    const before = this.#state
    try {
      const { entries, heads } = await work()
      const rows: [EntryHash, IndexRow][] = entries.map(({ hash, time }, position) => [
        hash,
        { arrival: before.entries + position + 1, time }
      ])
      const state: LogState = {
        entries: before.entries + entries.length,
        bytes: before.bytes + entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
        heads: heads.map(({ hash, next, time }) => ({ hash, next, time }))
      }
      const writes: KeyValueWrite[] = entries.flatMap(({ hash, time, bytes }, position) => [
        { key: blockKey(hash), value: bytes },
        {
          key: this.#keys.index(hash),
          value: encodeIndexRow({ arrival: before.entries + position + 1, time })
        },
        { key: this.#keys.order(time, hash), value: new Uint8Array() },
        {
          key: this.#keys.arrival(before.entries + position + 1),
          value: new TextEncoder().encode(hash)
        }
      ])
      if (before.entries === 0) {
        // So that a stock OrbitDB peer can open the address through bitswap.
        writes.push({ key: this.#keys.manifest, value: encodeLogManifest(this.manifest) })
      }
      writes.push({ key: this.#keys.state, value: encodeLogState(state) })
      await this.#components.store.write(writes)
      this.#state = state
      this.#storages.settle(rows)
      this.emit(
        'entries',
        entries.map((entry, position) => this.#sealedEntry(entry, before.entries + position + 1))
      )
      return entries
    } catch (error) {
      this.#storages.rollback()
      // A write that failed may have reached the disk all the same: only the disk knows.
      this.#state = await loadLogState(this.#components.store, this.#keys).catch(() => before)
      throw error
    }
  }

  async #openOplog(): Promise<Oplog> {
    const access: OplogAccess = {
      canAppend: async (fields) => (await this.#rules.checkFields(fields)) === undefined
    }
    this.#oplog ??= await Log(this.#identity, {
      logId: this.address,
      access,
      entryStorage: this.#storages.entries,
      headsStorage: this.#storages.heads,
      indexStorage: this.#storages.index
    })
    return this.#oplog
  }

  #sortedHeads(): LogState['heads'] {
    return [...this.#state.heads].sort((a, b) => b.time - a.time || (a.hash < b.hash ? 1 : -1))
  }

  async #read(hash: EntryHash): Promise<LogEntry> {
    const bytes = await this.#storages.block(hash)
    const entry = bytes === undefined ? undefined : readStoredEntry(bytes, hash)
    if (entry === undefined) throw lostEntry()
    return entry
  }

  async #readMany(hashes: readonly EntryHash[]): Promise<LogEntry[]> {
    return (await this.#readBlocks(hashes)).map(({ hash, bytes }) => {
      const entry = readStoredEntry(bytes, hash)
      if (entry === undefined) throw lostEntry()
      return entry
    })
  }

  async #readBlocks(hashes: readonly EntryHash[]): Promise<StoredBlock[]> {
    const blocks = await this.#components.store.getMany(hashes.map(blockKey))
    return hashes.map((hash, position) => {
      const bytes = blocks[position]
      if (bytes === undefined) throw lostEntry()
      return { hash, bytes }
    })
  }

  #sealedEntry({ hash, writer, time, sealed }: LogEntry, arrival: number): SealedEntry {
    return { log: this.address, hash, writer, time, arrival, sealed }
  }

  #countRefusal(reason: string): void {
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1
    this.emit('refused', { ...this.#refusals })
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new DeadDropError('stopped', 'log is closed')
  }
}

/**
 * Opens a log from the store, or starts an empty one.
 *
 * @throws {DeadDropError} `storage-corrupt` when the store has lost parts of the log that nothing else can replace.
 */
export async function openOrbitLog(
  components: OrbitLogComponents,
  manifest: LogManifest
): Promise<OrbitLog> {
  const state = await loadLogState(components.store, createLogKeys(logAddressOf(manifest)))
  return new OrbitLog(components, manifest, state)
}

function lostEntry(): DeadDropError {
  return new DeadDropError('storage-corrupt', 'an entry of the log is not in the store')
}
