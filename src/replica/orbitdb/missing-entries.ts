import type { EntryHash } from '#protocol/brand.ts'
import type { StoredBlock } from './entry-rows.ts'
import type { Head } from './log-state.ts'
import { readBlock } from './log-store.ts'
import type { LogStore } from './log-store.ts'

/** Entries read, and handed on, at a time. */
const PAGE = 256

/**
 * Pages of entries that a peer lacks who has `known` and its ancestors, in causal order; empty pages while it looks for
 * the first one. Reads as far back as the oldest entry that the peer lacks, and holds no more than arrivals in memory.
 *
 * @param log.entries - how many the log had; what comes later is left out: it may be from that peer.
 * @throws {DeadDropError} `storage-corrupt` when an entry is lost.
 */
export async function* missingEntries(
  rows: LogStore,
  log: {
    readonly entries: number
    readonly heads: readonly Head[]
    readonly known: readonly EntryHash[]
  }
): AsyncGenerator<readonly StoredBlock[]> {
  const theirs = new Set((await rows.places(log.known)).keys())
  if (theirs.size === 0) {
    for (let first = 1; first <= log.entries; first += PAGE) {
      yield await rows.page(first, Math.min(first + PAGE - 1, log.entries))
    }
    return
  }
  const wanted = new Set(log.heads.map(({ hash }) => hash).filter((hash) => !theirs.has(hash)))
  const missing: number[] = []
  for (let last = log.entries; wanted.size > 0 && last > 0; last -= PAGE) {
    const first = Math.max(1, last - PAGE + 1)
    const page = (await rows.page(first, last)).reverse()
    // Newest first: every child of an entry was seen before the entry, so its side is known.
    for (const [at, block] of page.entries()) {
      if (theirs.delete(block.hash)) {
        for (const parent of parentsOf(block)) {
          theirs.add(parent)
          wanted.delete(parent)
        }
      } else if (wanted.delete(block.hash)) {
        missing.push(last - at)
        for (const parent of parentsOf(block)) if (!theirs.has(parent)) wanted.add(parent)
      }
      if (wanted.size === 0) break
    }
    // A long look back must not look like silence to the peer.
    if (wanted.size > 0) yield []
  }
  missing.reverse()
  for (let start = 0; start < missing.length; start += PAGE) {
    yield await rows.at(missing.slice(start, start + PAGE))
  }
}

function parentsOf(block: StoredBlock): readonly EntryHash[] {
  const { next, refs } = readBlock(block)
  return [...next, ...refs]
}
