import { Entry } from '@orbitdb/core/src/oplog/index.js'
import type { OplogIdentity } from '@orbitdb/core/src/oplog/index.js'
import { TypedEventEmitter } from 'main-event'
import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { LogWriter } from '#protocol/gate.ts'
import type { KeyValueStore, KeyValueWrite } from '#protocol/key-value-store.ts'
import { MAX_ENTRY_NEXT, MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { encodeLogManifest, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { nextTask } from '../next-task.ts'
import type { LogEvents, LogSize, SealedEntry, SealedLog } from '../sealed-log.ts'
import { createEntryHasher } from './entry-hash.ts'
import type { Sha256 } from './entry-hash.ts'
import type { StoredBlock } from './entry-rows.ts'
import { createEntryRules, isCausal, readStoredEntry } from './entry-rules.ts'
import type { EntryRefusal, EntryRules, EntryVerdict, LogEntry } from './entry-rules.ts'
import { HeldEntries } from './held-entries.ts'
import { createLogKeys } from './log-keys.ts'
import type { LogKeys } from './log-keys.ts'
import { encodeLogState, loadLogState, sortHeads } from './log-state.ts'
import type { Head, LogState } from './log-state.ts'
import { LogStore, readBlock } from './log-store.ts'
import { missingEntries } from './missing-entries.ts'
import { Mutex } from './mutex.ts'
import { unpackEntries } from './packed-entries.ts'
import { createWriterIdentity } from './writer-identity.ts'

/** Entries whose ancestors have not come yet, per log. Only admitted writers can fill it; the oldest gives way. */
const MAX_HELD_ENTRIES = 512
/** Heads named in {@link Have}: more would not fit a frame; what is left out is only sent twice. */
const MAX_HAVE_HEADS = 512
const MAX_LADDER_RUNGS = 64
const LADDER_FACTOR = 1.5
/** Appends that share one write: a burst waits for few writes, and none of it waits long for the rest. */
const MAX_APPENDS_AT_ONCE = 64
const SIGNATURES_PER_TASK = 32
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

interface WaitingAppend {
  readonly sealed: SealedBytes
  readonly settled: PromiseWithResolvers<SealedEntry>
}

/**
 * A log as the replication sees it. The entries form a true OrbitDB 4 log: OrbitDB's own code makes each entry that is
 * appended here, and entries of others are joined with the outcome that its `joinEntry` has. Each change is one atomic write.
 */
export class OrbitLog implements SealedLog {
  readonly address: LogAddress
  readonly manifest: LogManifest
  readonly #components: OrbitLogComponents
  readonly #keys: LogKeys
  readonly #rules: EntryRules
  readonly #hashOf: (bytes: Uint8Array) => EntryHash
  readonly #rows: LogStore
  readonly #identity: OplogIdentity
  readonly #mutex = new Mutex()
  readonly #events = new TypedEventEmitter<LogEvents>()
  readonly #held = new HeldEntries(MAX_HELD_ENTRIES)
  readonly #appends: WaitingAppend[] = []
  readonly #refusals: Record<string, number> = {}
  #writer: LogWriter | undefined
  #mayStore: MayStore = () => true
  /** Size of the smallest entry that the quota refused since it last had room. */
  #refusedBytes: number | undefined
  #state: LogState
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
    this.#rows = new LogStore(components.store, this.#keys, state.entries)
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
    if (this.#writer === undefined)
      throw new DeadDropError('internal', 'log was opened without a writer')
    if (sealed.byteLength < 1 || sealed.byteLength > MAX_SEALED_BYTES) {
      throw new DeadDropError(
        'bytes-too-large',
        `envelope is ${sealed.byteLength} bytes, allowed 1..${MAX_SEALED_BYTES}`
      )
    }
    const settled = Promise.withResolvers<SealedEntry>()
    this.#appends.push({ sealed, settled })
    // Whoever finds them waiting takes them: appends that come while one is written share the next write.
    void this.#mutex.run(() => this.#appendWaiting())
    return settled.promise
  }

  async heads(): Promise<readonly EntryHash[]> {
    return sortHeads(this.#state.heads).map(({ hash }) => hash)
  }

  async has(hash: EntryHash): Promise<boolean> {
    return (await this.#rows.place(hash)) !== undefined
  }

  async isCovered(hash: EntryHash, heads: readonly EntryHash[]): Promise<boolean> {
    const target = await this.#rows.place(hash)
    if (target === undefined) return false
    const seen = new Set<EntryHash>()
    let level = await this.#rows.places(heads)
    while (level.size > 0) {
      if (level.has(hash)) return true
      // Time falls along every link: nothing below the target's time leads to it.
      const leading = [...level].filter(([name, { time }]) => time > target.time && !seen.has(name))
      const parents = new Set<EntryHash>()
      for (const entry of await this.#rows.entries(leading.map(([name]) => name))) {
        seen.add(entry.hash)
        for (const parent of [...entry.next, ...entry.refs])
          if (!seen.has(parent)) parents.add(parent)
      }
      level = await this.#rows.places(parents)
    }
    return false
  }

  async *entries(after = 0): AsyncGenerator<SealedEntry> {
    let position = after
    while (position < this.#state.entries) {
      const last = Math.min(position + PAGE, this.#state.entries)
      for (const block of await this.#rows.page(position + 1, last)) {
        yield this.#sealedEntry(readBlock(block), ++position)
      }
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
    return this.#held.values()
  }

  /** The newest heads, as they are stored. @param among - only those of them. */
  async headBlocks(
    maxHeads: number,
    among?: ReadonlySet<EntryHash>
  ): Promise<readonly Uint8Array[]> {
    const heads = (await this.heads()).filter((hash) => among?.has(hash) ?? true)
    return (await this.#rows.blocks(heads.slice(0, maxHeads))).map(({ bytes }) => bytes)
  }

  /** The checks that need nothing but the bytes. Never throws on hostile bytes. */
  async judge(bytes: Uint8Array): Promise<Judgement> {
    const [judgement] = await this.judgeAll([bytes])
    return judgement ?? { kind: 'refused', reason: 'malformed' }
  }

  /** {@link judge} for a batch: one look at the disk, and all signatures checked at once. */
  judgeAll(batch: readonly Uint8Array[]): Promise<readonly Judgement[]> {
    const blocks = batch.map((bytes) => ({ hash: this.#hashOf(bytes), bytes }))
    return this.#judgeBlocks(blocks, ({ bytes, hash }) => this.#rules.check(bytes, hash))
  }

  /**
   * {@link judgeAll} for entries on the wire.
   *
   * @throws {DeadDropError} `bytes-malformed` when `packed` is not what `packEntries` makes.
   */
  async judgePacked(packed: Uint8Array): Promise<readonly Judgement[]> {
    const blocks = unpackEntries(packed, { address: this.address, hashOf: this.#hashOf })
    return this.#judgeBlocks(blocks, ({ parts, bytes, hash }) =>
      this.#rules.checkParts(parts, bytes, hash)
    )
  }

  async #judgeBlocks<T extends StoredBlock>(
    blocks: readonly T[],
    check: (block: T) => Promise<EntryVerdict>
  ): Promise<readonly Judgement[]> {
    const places = await this.#rows.places(blocks.map(({ hash }) => hash))
    const judge = async (block: T): Promise<Judgement> => {
      const { hash } = block
      if (this.#held.has(hash) || places.has(hash)) return { kind: 'known', hash }
      const verdict = await check(block)
      if (verdict.ok) return { kind: 'valid', entry: verdict.entry }
      this.#countRefusal(verdict.reason)
      return { kind: 'refused', reason: verdict.reason }
    }
    const judging: Promise<Judgement>[] = []
    for (const [at, block] of blocks.entries()) {
      // Handing a signature to another thread takes this one's time, too.
      if (at > 0 && at % SIGNATURES_PER_TASK === 0) await nextTask()
      judging.push(judge(block))
    }
    return Promise.all(judging)
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
        await this.#store(plan.accepted, heads)
        for (const { hash } of plan.accepted) this.#held.settle(hash)
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
    const heads = await this.heads()
    const ladder = (await this.#rows.at(ladderOf(entries))).map(({ hash }) => hash)
    return { heads: heads.slice(0, MAX_HAVE_HEADS), ladder, isFull: this.#isFull() }
  }

  /** @see {@link missingEntries} */
  async *missingFrom(known: readonly EntryHash[]): AsyncGenerator<readonly StoredBlock[]> {
    const { entries, heads } = this.#state
    yield* missingEntries(this.#rows, { entries, heads, known })
  }

  async #appendWaiting(): Promise<void> {
    const batch = this.#appends.splice(0, MAX_APPENDS_AT_ONCE)
    if (batch.length === 0) return
    try {
      // An entry names a bounded number of heads, the newest first; the next ones name the rest.
      let heads: readonly Head[] = sortHeads(this.#state.heads)
      const entries: LogEntry[] = []
      for (const { sealed } of batch) {
        const entry = await this.#createEntry(sealed, heads.slice(0, MAX_ENTRY_NEXT))
        entries.push(entry)
        heads = [entry, ...heads.slice(MAX_ENTRY_NEXT)]
      }
      const arrivals = this.#state.entries + 1
      await this.#store(entries, heads)
      entries.forEach((entry, at) => {
        this.#components.publishEntry(entry)
        batch[at]?.settled.resolve(this.#sealedEntry(entry, arrivals + at))
      })
    } catch (error) {
      for (const { settled } of batch) settled.reject(error)
    }
  }

  async #createEntry(sealed: SealedBytes, named: readonly Head[]): Promise<LogEntry> {
    const identity = this.#identity
    const made = await Entry.create(
      identity,
      this.address,
      { op: 'ADD', key: null, value: sealed },
      null,
      { id: identity.publicKey, time: 1 + Math.max(0, ...named.map(({ time }) => time)) },
      named.map(({ hash }) => hash),
      []
    )
    const refusal = await this.#rules.checkFields(made)
    if (refusal !== undefined)
      throw new DeadDropError('internal', `the log refuses its own entry: ${refusal}`)
    const { bytes, hash } = await Entry.encode(made)
    const entry = readStoredEntry(bytes, hash as EntryHash) // OrbitDB computed it from the bytes
    if (entry === undefined)
      throw new DeadDropError('internal', 'the log made an entry that it cannot read')
    return entry
  }

  /** Sorts entries into accepted (in causal order), held and refused. Changes nothing but the held ones. */
  async #plan(
    entries: readonly LogEntry[]
  ): Promise<{ accepted: LogEntry[]; held: number; refused: number }> {
    const places = await this.#rows.places(
      entries.flatMap(({ hash, next, refs }) => [hash, ...next, ...refs])
    )
    const times = new Map<EntryHash, number>()
    const refused = new Map<EntryHash, EntryRefusal>()
    const accepted: LogEntry[] = []
    let { entries: count, bytes } = this.size()
    let held = 0
    const isFull = this.#isFull()

    // Time grows along every link, so this order puts ancestors first.
    const queue = sortHeads(entries)
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
      const { hash, next, refs } = entry
      if (times.has(hash) || refused.has(hash) || places.has(hash)) continue
      const parents = [...next, ...refs]
      const timeOf = (parent: EntryHash): number | undefined =>
        times.get(parent) ?? places.get(parent)?.time
      const cause = parents
        .map((parent) => refused.get(parent))
        .find((reason) => reason !== undefined)
      const missing = parents.filter((parent) => timeOf(parent) === undefined)
      let reason: EntryRefusal | undefined = cause
      // Ancestors would be fetched from everybody, for an entry that has no place when they come.
      if (reason === undefined && missing.length > 0 && isFull) reason = 'over-quota'
      if (reason === undefined && missing.length > 0) {
        if (!this.#held.has(hash)) held += 1
        this.#held.hold(entry, missing)
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
      const children = this.#held.childrenOf(hash)
      if (children.length === 0) continue
      const childPlaces = await this.#rows.places(
        children.flatMap((child) => [...child.next, ...child.refs])
      )
      for (const [parent, place] of childPlaces) places.set(parent, place)
      queue.push(...children)
    }
    for (const hash of refused.keys()) this.#held.settle(hash)
    return { accepted, held, refused: refused.size }
  }

  /** One change of the log, in one atomic write: new entries, ancestors first, and the heads from then on. */
  async #store(entries: readonly LogEntry[], heads: readonly Head[]): Promise<void> {
    const before = this.#state
    const state: LogState = {
      entries: before.entries + entries.length,
      bytes: before.bytes + entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
      heads: heads.map(({ hash, time }) => ({ hash, time }))
    }
    const writes: KeyValueWrite[] = entries.flatMap((entry, position) =>
      this.#rows.writesOf(entry, before.entries + position + 1)
    )
    if (before.entries === 0) {
      // So that a stock OrbitDB peer can open the address through bitswap.
      writes.push({ key: this.#keys.manifest, value: encodeLogManifest(this.manifest) })
    }
    writes.push({ key: this.#keys.state, value: encodeLogState(state) })
    try {
      await this.#components.store.write(writes)
    } catch (error) {
      // A write that failed may have reached the disk all the same: only the disk knows.
      this.#state = await loadLogState(this.#components.store, this.#keys).catch(() => before)
      this.#rows.reset(this.#state.entries)
      throw error
    }
    this.#state = state
    entries.forEach((entry, position) => {
      this.#rows.remember(entry, before.entries + position + 1)
    })
    this.emit(
      'entries',
      entries.map((entry, position) => this.#sealedEntry(entry, before.entries + position + 1))
    )
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
 * Arrivals at growing distance from the newest. Who has diverged by n entries finds a common one among the n / 2 before
 * them, or so, and is sent no more than that twice.
 */
function ladderOf(entries: number): readonly number[] {
  const rungs: number[] = []
  for (
    let distance = 1;
    distance < entries - 1 && rungs.length < MAX_LADDER_RUNGS - 1;
    distance = Math.ceil(distance * LADDER_FACTOR)
  ) {
    rungs.push(entries - distance)
  }
  if (entries > 1) rungs.push(1)
  return rungs
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
