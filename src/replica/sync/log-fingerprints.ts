import { sha256 as sha256InScript } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { digestOfName } from '../orbitdb/entry-hash.ts'
import type { Sha256 } from '../orbitdb/entry-hash.ts'
import type { Digest } from './digest-messages.ts'

/** Names the state of a log: two replicas with the same heads have the same entries. 32 bytes. */
export type StateHash = Uint8Array

/** Turns the states of logs into what a digest says about them. Pure. */
export interface Fingerprints {
  stateOf(address: LogAddress, heads: readonly EntryHash[]): StateHash
  /** Differs for each salt, so that a collision found for one is worth nothing under the next. */
  fingerprintOf(state: StateHash, salt: Digest['salt']): bigint
}

/** @param components.sha256 - @default in script, where the platform has no synchronous one */
export function createFingerprints(components: { readonly sha256?: Sha256 }): Fingerprints {
  const sha256 = components.sha256 ?? sha256InScript
  return {
    stateOf: (address, heads) => sha256(utf8ToBytes([address, ...[...heads].sort()].join('\n'))),
    fingerprintOf: (state, salt) => firstOf(sha256(concatBytes(salt, state)))
  }
}

/** The short name of a log in a digest. Two logs may share one: it finds a log, and proves nothing. */
export function tagOf(address: LogAddress): bigint {
  const hash = address.slice('/orbitdb/'.length) as EntryHash // a manifest is named as an entry is
  return firstOf(digestOfName(hash))
}

function firstOf(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0)
}
