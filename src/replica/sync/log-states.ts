import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import type { Sha256 } from '../orbitdb/entry-hash.ts'
import type { OrbitLog } from '../orbitdb/orbit-log.ts'
import type { Comparison, Digest, DigestItem } from './digest-messages.ts'
import { createFingerprints, tagOf } from './log-fingerprints.ts'
import type { StateHash } from './log-fingerprints.ts'

interface KnownState {
  readonly entries: number
  readonly hash: StateHash
}

/** What a digest needs to know of each log, so that logs need not be opened for one: about 300 bytes each. */
export interface LogStates {
  /** From now on the log is found by its tag. */
  add(address: LogAddress): void
  delete(address: LogAddress): void
  has(address: LogAddress): boolean
  /** For a log that is not open. */
  note(address: LogAddress, entries: number, heads: readonly EntryHash[]): void
  entriesOf(address: LogAddress): number | undefined
  itemFor(address: LogAddress, salt: Digest['salt']): Promise<DigestItem>
  /** @returns logs with the tag of `item` that are here, and whether one of them is in the same state. */
  compare(
    item: DigestItem,
    salt: Digest['salt']
  ): Promise<{ readonly comparison: Comparison; readonly same: LogAddress | undefined }>
}

/** @param components.openLog - the log, if it is open: its state is newer than what was noted. */
export function createLogStates(components: {
  readonly sha256?: Sha256
  readonly openLog: (address: LogAddress) => OrbitLog | undefined
}): LogStates {
  const { openLog } = components
  const fingerprints = createFingerprints(components)
  const states = new Map<LogAddress, KnownState>()
  /** Eve can make two logs with one tag; a digest says no more than "different" about them then. */
  const byTag = new Map<bigint, LogAddress[]>()
  const tags = new Map<LogAddress, bigint>()

  async function hashOf(address: LogAddress): Promise<StateHash> {
    const known = states.get(address)
    const log = openLog(address)
    if (log === undefined) return known?.hash ?? fingerprints.stateOf(address, [])
    const { entries } = log.size()
    if (known?.entries === entries) return known.hash
    const hash = fingerprints.stateOf(address, await log.heads())
    if (log.size().entries === entries) states.set(address, { entries, hash })
    return hash
  }

  return {
    add(address) {
      if (tags.has(address)) return
      const tag = tagOf(address)
      tags.set(address, tag)
      byTag.set(tag, [...(byTag.get(tag) ?? []), address])
    },
    delete(address) {
      states.delete(address)
      const tag = tags.get(address)
      if (tag === undefined) return
      tags.delete(address)
      const others = (byTag.get(tag) ?? []).filter((other) => other !== address)
      if (others.length > 0) byTag.set(tag, others)
      else byTag.delete(tag)
    },
    has: (address) => tags.has(address),
    note(address, entries, heads) {
      states.set(address, { entries, hash: fingerprints.stateOf(address, heads) })
    },
    entriesOf(address) {
      if (!tags.has(address)) return undefined
      return openLog(address)?.size().entries ?? states.get(address)?.entries ?? 0
    },
    async itemFor(address, salt) {
      const fingerprint = fingerprints.fingerprintOf(await hashOf(address), salt)
      return { tag: tags.get(address) ?? tagOf(address), fingerprint }
    },
    async compare({ tag, fingerprint }, salt) {
      const candidates = byTag.get(tag)
      if (candidates === undefined) return { comparison: 'unknown', same: undefined }
      for (const address of candidates) {
        if (fingerprints.fingerprintOf(await hashOf(address), salt) === fingerprint)
          return { comparison: 'same', same: address }
      }
      return { comparison: 'different', same: undefined }
    }
  }
}
