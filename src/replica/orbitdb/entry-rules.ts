import { hexToBytes } from '@noble/hashes/utils.js'
import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import { decodeCanonical, encodeCanonical } from '#protocol/cbor.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { verifyGateCertificate } from '#protocol/gate.ts'
import {
  MAX_ENTRY_BYTES,
  MAX_ENTRY_NEXT,
  MAX_ENTRY_REFS,
  MAX_LAMPORT_TIME,
  MAX_SEALED_BYTES
} from '#protocol/limits.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { BoundedMap } from '../bounded-map.ts'
import { readEntryParts } from './entry-bytes.ts'
import type { EntryParts } from './entry-bytes.ts'
import { createEntryHasher } from './entry-hash.ts'
import type { Sha256 } from './entry-hash.ts'

/** Why an entry is not taken into a log. The keys of the `refused` event. */
export type EntryRefusal =
  | 'too-large'
  | 'malformed'
  | 'wrong-log'
  | 'no-certificate'
  | 'bad-signature'
  | 'time-not-causal'
  | 'over-quota'

/** The parts of an OrbitDB entry that have a meaning here; everything else was checked away. */
export interface LogEntry {
  readonly hash: EntryHash
  /** The canonical bytes, whose CID is {@link hash}. */
  readonly bytes: Uint8Array
  readonly writer: string
  readonly time: number
  readonly next: readonly EntryHash[]
  readonly refs: readonly EntryHash[]
  readonly sealed: SealedBytes
}

export type EntryVerdict =
  | { readonly ok: true; readonly entry: LogEntry }
  | { readonly ok: false; readonly reason: EntryRefusal }

/** The rules of one log. They depend on the entry alone, never on the clock or on who is a member now: every replica decides alike, for ever. */
export interface EntryRules {
  /**
   * The whole judgement on bytes from anywhere. Never throws.
   *
   * @param hash - of the bytes, where the caller has computed it already.
   */
  check(bytes: Uint8Array, hash?: EntryHash): Promise<EntryVerdict>
  /**
   * {@link check} for an entry that was taken apart already.
   *
   * @param bytes - its canonical form.
   */
  checkParts(parts: EntryParts, bytes: Uint8Array, hash: EntryHash): Promise<EntryVerdict>
  /** Shape and certificate of a decoded entry, without its signature. */
  checkFields(value: unknown): Promise<EntryRefusal | undefined>
}

const FIELDS = ['clock', 'id', 'identity', 'key', 'next', 'payload', 'refs', 'sig', 'v']
const HASH = /^zdpu[1-9A-HJ-NP-Za-km-z]{45}$/
const KEY = /^[0-9a-f]{64}$/
const SIGNATURE = /^[0-9a-f]{128}$/
/** Admitted writers remembered per log: one per device and log, so that only a flood of certificates overflows it. */
const MAX_CACHED_WRITERS = 1_024

/**
 * @param components.sha256 - @default in script, where the platform has no synchronous one
 * @param init.address - of the manifest; also the `id` of every entry, as stock OrbitDB writes it.
 */
export function createEntryRules(
  { verifier, sha256 }: { readonly verifier: SignatureVerifier; readonly sha256?: Sha256 },
  {
    manifest,
    address
  }: { readonly manifest: Pick<LogManifest, 'gatePublicKey'>; readonly address: LogAddress }
): EntryRules {
  /** Public keys of those whose certificate was right. */
  const admitted = new BoundedMap<string, Uint8Array>(MAX_CACHED_WRITERS)
  const hashOf = createEntryHasher(sha256)

  /** @returns the writer's public key, `undefined` when the certificate does not admit it. */
  async function admit(writer: string, certificate: string): Promise<Uint8Array | undefined> {
    const name = `${writer}${certificate}`
    const known = admitted.get(name)
    if (known !== undefined) return known
    if (!(await verifyGateCertificate(verifier, manifest, address, writer, certificate)))
      return undefined
    const publicKey = hexToBytes(writer)
    admitted.set(name, publicKey)
    return publicKey
  }

  async function checkFields(value: unknown): Promise<EntryRefusal | undefined> {
    const fields = readFields(value)
    if (fields === undefined) return 'malformed'
    if (fields.id !== address) return 'wrong-log'
    const publicKey = await admit(fields.key, fields.identity)
    return publicKey === undefined ? 'no-certificate' : undefined
  }

  async function checkParts(
    parts: EntryParts,
    bytes: Uint8Array,
    hash: EntryHash
  ): Promise<EntryVerdict> {
    if (bytes.byteLength > MAX_ENTRY_BYTES) return { ok: false, reason: 'too-large' }
    if (parts.id !== address) return { ok: false, reason: 'wrong-log' }
    const publicKey = await admit(parts.key, parts.identity)
    if (publicKey === undefined) return { ok: false, reason: 'no-certificate' }
    const isSigned = await verifier.verify(parts.signature, publicKey, parts.signed)
    if (!isSigned) return { ok: false, reason: 'bad-signature' }
    return { ok: true, entry: entryOf(parts, bytes, hash) }
  }

  return {
    checkFields,
    checkParts,
    async check(bytes, hash) {
      if (bytes.byteLength > MAX_ENTRY_BYTES) return { ok: false, reason: 'too-large' }
      const parts = readBytes(bytes)
      if (parts === undefined) return { ok: false, reason: 'malformed' }
      return checkParts(parts, bytes, hash ?? hashOf(bytes))
    }
  }
}

/**
 * Reads an entry that this replica stored itself, so that its rules were checked before.
 *
 * @returns `undefined` when the bytes are not an entry: the store is damaged.
 */
export function readStoredEntry(bytes: Uint8Array, hash: EntryHash): LogEntry | undefined {
  const parts = readBytes(bytes)
  return parts === undefined ? undefined : entryOf(parts, bytes, hash)
}

/** Entries of honest writers take the short way; the long one decides about everything else. */
function readBytes(bytes: Uint8Array): EntryParts | undefined {
  const parts = readEntryParts(bytes)
  if (parts !== undefined) return parts
  try {
    const fields = readFields(decodeCanonical(bytes, MAX_ENTRY_BYTES))
    if (fields === undefined) return undefined
    return { ...fields, signature: hexToBytes(fields.sig), signed: signedPart(fields) }
  } catch {
    return undefined
  }
}

/**
 * The Lamport rule: an entry is exactly one later than the latest entry that it names. So `(time, hash)` is a causal
 * order, and no writer can push the clock of a log towards its end.
 */
export function isCausal(
  entry: LogEntry,
  times: { readonly next: readonly number[]; readonly refs: readonly number[] }
): boolean {
  return (
    entry.time === 1 + Math.max(0, ...times.next) && times.refs.every((time) => time < entry.time)
  )
}

interface Fields {
  readonly id: string
  readonly key: string
  readonly identity: string
  readonly sig: string
  readonly time: number
  readonly next: readonly string[]
  readonly refs: readonly string[]
  readonly value: Uint8Array
}

/** The exact shape of an entry. Unknown fields are not signed, so one more of them would be a second name for the same entry. */
function readFields(value: unknown): Fields | undefined {
  if (!isMap(value) || !hasExactly(value, FIELDS)) return undefined
  const { id, key, identity, sig, v, clock, payload, next, refs } = value
  if (v !== 2 || typeof id !== 'string' || typeof identity !== 'string') return undefined
  if (typeof key !== 'string' || !KEY.test(key) || typeof sig !== 'string' || !SIGNATURE.test(sig))
    return undefined
  if (!isMap(clock) || !hasExactly(clock, ['id', 'time']) || clock['id'] !== key) return undefined
  const time = clock['time']
  if (
    typeof time !== 'number' ||
    !Number.isSafeInteger(time) ||
    time < 1 ||
    time > MAX_LAMPORT_TIME
  )
    return undefined
  if (!isMap(payload) || !hasExactly(payload, ['key', 'op', 'value'])) return undefined
  const sealed = payload['value']
  if (payload['op'] !== 'ADD' || payload['key'] !== null || !(sealed instanceof Uint8Array))
    return undefined
  if (sealed.byteLength < 1 || sealed.byteLength > MAX_SEALED_BYTES) return undefined
  if (!isHashList(next, MAX_ENTRY_NEXT) || !isHashList(refs, MAX_ENTRY_REFS)) return undefined
  return { id, key, identity, sig, time, next, refs, value: sealed }
}

function entryOf(parts: EntryParts, bytes: Uint8Array, hash: EntryHash): LogEntry {
  return {
    hash,
    bytes,
    writer: parts.key,
    time: parts.time,
    next: parts.next as readonly EntryHash[], // whoever made the parts checked each of them
    refs: parts.refs as readonly EntryHash[], // as above
    sealed: parts.value as SealedBytes // the payload of a log is sealed by contract of `append`
  }
}

/** What OrbitDB signs: the entry without key, identity and signature. */
function signedPart(fields: Fields): Uint8Array {
  return encodeCanonical({
    id: fields.id,
    payload: { op: 'ADD', key: null, value: fields.value },
    next: fields.next,
    refs: fields.refs,
    clock: { id: fields.key, time: fields.time },
    v: 2
  })
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Uint8Array) &&
    !Array.isArray(value)
  )
}

function hasExactly(
  map: Readonly<Record<string, unknown>>,
  sortedNames: readonly string[]
): boolean {
  const names = Object.keys(map)
  return (
    names.length === sortedNames.length && sortedNames.every((name) => Object.hasOwn(map, name))
  )
}

function isHashList(value: unknown, maxItems: number): value is readonly string[] {
  if (!Array.isArray(value) || value.length > maxItems) return false
  const isEachHash = value.every((item) => typeof item === 'string' && HASH.test(item))
  return isEachHash && new Set(value).size === value.length
}
