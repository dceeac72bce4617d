import { bytesToHex } from '@noble/hashes/utils.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { EntryHash, LogAddress } from './brand.ts'
import { encodeCanonical } from './cbor.ts'
import { GATE_ACCESS_TYPE, LOG_TYPE } from './protocol-ids.ts'
import { DeadDropError } from './errors.ts'

/**
 * What a log is, to somebody who may not read it: an unguessable name and the public half of the gate key whose
 * certificates admit writers. Everybody who knows both computes the same address, with no block to fetch.
 */
export interface LogManifest {
  /** 24 random-looking bytes, lower-case hex, 48 characters. */
  readonly name: string
  /** Ed25519 public key of the gate, lower-case hex, 64 characters. */
  readonly gatePublicKey: string
}

const DAG_CBOR = 0x71
const SHA2_256 = 0x12
const NAME_BYTES = 24
const KEY_BYTES = 32
const ADDRESS_PREFIX = '/orbitdb/'
const HASH = /^zdpu[1-9A-HJ-NP-Za-km-z]{45}$/

/** @throws {DeadDropError} `bytes-malformed` unless both parts have the lengths that {@link LogManifest} names. */
export function createLogManifest(name: Uint8Array, gatePublicKey: Uint8Array): LogManifest {
  if (name.byteLength !== NAME_BYTES) {
    throw new DeadDropError(
      'bytes-malformed',
      `log name is ${String(name.byteLength)} bytes, expected ${String(NAME_BYTES)}`
    )
  }
  if (gatePublicKey.byteLength !== KEY_BYTES) {
    throw new DeadDropError(
      'bytes-malformed',
      `gate public key is ${String(gatePublicKey.byteLength)} bytes, expected ${String(KEY_BYTES)}`
    )
  }
  return { name: bytesToHex(name), gatePublicKey: bytesToHex(gatePublicKey) }
}

/** The manifest block as OrbitDB 4 writes it for `open(name, { type: 'events', AccessController })`. */
export function encodeLogManifest(manifest: LogManifest): Uint8Array {
  return encodeCanonical({
    name: manifest.name,
    type: LOG_TYPE,
    accessController: `/${GATE_ACCESS_TYPE}/${manifest.gatePublicKey}`
  })
}

export function logAddressOf(manifest: LogManifest): LogAddress {
  return addressOfManifestHash(hashOfBlock(encodeLogManifest(manifest)))
}

/** @throws {DeadDropError} `bytes-malformed` unless `text` has the form of a log address. */
export function readLogAddress(text: string): LogAddress {
  if (!text.startsWith(ADDRESS_PREFIX))
    throw new DeadDropError('bytes-malformed', 'log address does not begin with /orbitdb/')
  return addressOfManifestHash(readEntryHash(text.slice(ADDRESS_PREFIX.length)))
}

/** Hash of the manifest block that a log is named after. */
export function manifestHashOf(address: LogAddress): EntryHash {
  return address.slice(ADDRESS_PREFIX.length) as EntryHash // an address is the prefix and a hash
}

/** Undoes {@link manifestHashOf}. */
export function addressOfManifestHash(hash: EntryHash): LogAddress {
  return `${ADDRESS_PREFIX}${hash}` as LogAddress // the brand is made here only
}

/** CIDv1 of a dag-cbor block, base58btc. */
export function hashOfBlock(bytes: Uint8Array): EntryHash {
  const cid = CID.createV1(DAG_CBOR, Digest.create(SHA2_256, sha256(bytes)))
  return cid.toString(base58btc) as EntryHash // the brand is made here and in readEntryHash only
}

/** @throws {DeadDropError} `bytes-malformed` unless `text` has the form of an entry hash. */
export function readEntryHash(text: string): EntryHash {
  if (!HASH.test(text))
    throw new DeadDropError('bytes-malformed', 'entry hash is not a base58btc CIDv1 (zdpu…)')
  return text as EntryHash // checked above
}
