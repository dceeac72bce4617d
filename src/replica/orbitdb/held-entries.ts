import type { EntryHash } from '#protocol/brand.ts'
import type { LogEntry } from './entry-rules.ts'

/** Entries whose ancestors have not come yet. Beyond `maxEntries` the oldest gives way: an exchange offers it again. */
export class HeldEntries {
  readonly #maxEntries: number
  readonly #entries = new Map<EntryHash, LogEntry>()
  readonly #waitingFor = new Map<EntryHash, Set<EntryHash>>()

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get size(): number {
    return this.#entries.size
  }

  has(hash: EntryHash): boolean {
    return this.#entries.has(hash)
  }

  values(): readonly LogEntry[] {
    return [...this.#entries.values()]
  }

  hold(entry: LogEntry, missing: readonly EntryHash[]): void {
    this.#entries.set(entry.hash, entry)
    for (const parent of missing) {
      const children = this.#waitingFor.get(parent) ?? new Set()
      children.add(entry.hash)
      this.#waitingFor.set(parent, children)
    }
    if (this.#entries.size <= this.#maxEntries) return
    const oldest = this.#entries.keys().next()
    if (oldest.done !== true) this.#release(oldest.value)
  }

  childrenOf(hash: EntryHash): readonly LogEntry[] {
    return [...(this.#waitingFor.get(hash) ?? [])].flatMap(
      (child) => this.#entries.get(child) ?? []
    )
  }

  /** The fate of `hash` is known, and so is that of everything that waited for it alone. */
  settle(hash: EntryHash): void {
    this.#waitingFor.delete(hash)
    this.#release(hash)
  }

  /** Ends the wait of `hash` itself; who waits for it goes on waiting. */
  #release(hash: EntryHash): void {
    const entry = this.#entries.get(hash)
    if (entry === undefined) return
    this.#entries.delete(hash)
    for (const parent of [...entry.next, ...entry.refs]) {
      const children = this.#waitingFor.get(parent)
      children?.delete(hash)
      if (children?.size === 0) this.#waitingFor.delete(parent)
    }
  }
}
