import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Author } from '#messaging/ports.ts'
import type { SealedBytes } from '#protocol/brand.ts'
import {
  decodeCanonical,
  encodeCanonical,
  readBytes,
  readInteger,
  readMap,
  readText
} from '#protocol/cbor.ts'
import { readDisplayName } from '#protocol/display-name.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { SIGNATURE_CONTEXT } from '#protocol/protocol-ids.ts'
import type { SealingComponents } from './components.ts'
import { signStatement, verifyStatement } from './device-statement.ts'
import type { Drop } from './drop.ts'
import { redactIdentity, type IdentityWithSecrets } from './identity.ts'
import { createMls } from './mls/mls.ts'
import { pad, padmeLength, unpad } from './padding.ts'

/** X-Wing: ML-KEM-768 ciphertext (1,088) and an X25519 key (32). */
const ENCAPSULATED_BYTES = 1_120
const TAG_BYTES = 16
const VERSION = 1
const MAX_RAW_NAME = 256

/** `not-a-welcome`: sealed to somebody else, or no Welcome at all. `welcome-forged`: it breaks what it says. */
export type WelcomeRefusal = 'not-a-welcome' | 'welcome-forged'

/** A Welcome with who sent it, checked as far as it can be without joining. */
export interface WelcomePacket {
  readonly contact: Author
  readonly name: string
  /** 16 bytes. */
  readonly conversation: Uint8Array
  /** MLS Welcome with the ratchet tree inside. */
  readonly welcome: Uint8Array
}

/**
 * `encapsulated key | HPKE ciphertext of pad(signed statement)`, base mode over X-Wing, bound to the drop. Only the
 * inviter can open it: others who hold the link see its length and nothing else.
 *
 * @throws {DeadDropError} `bytes-too-large` over `MAX_SEALED_BYTES`; with two members it is far below.
 */
export async function sealWelcomePacket(
  components: SealingComponents,
  init: {
    readonly identity: IdentityWithSecrets
    readonly drop: Drop
    readonly inboxPublicKey: Uint8Array
    readonly conversation: Uint8Array
    readonly name: string
    readonly welcome: Uint8Array
  }
): Promise<SealedBytes> {
  const statement = await signStatement(init.identity, {
    context: SIGNATURE_CONTEXT.welcome,
    place: init.drop.address,
    body: encodeCanonical({
      v: VERSION,
      conversation: init.conversation,
      name: init.name,
      welcome: init.welcome
    })
  })
  const mls = await createMls(components)
  const sealed = await mls.hpkeSeal(init.inboxPublicKey, infoOf(init.drop), pad(statement))
  const length = sealed.encapsulated.byteLength + sealed.ciphertext.byteLength
  if (length > MAX_SEALED_BYTES) {
    throw new DeadDropError(
      'bytes-too-large',
      `welcome is ${length} bytes, allowed 1..${MAX_SEALED_BYTES}`
    )
  }
  const packet = concatBytes(sealed.encapsulated, sealed.ciphertext)
  return packet as SealedBytes // the brand is made by what seals: here and in envelope.ts
}

/** Undoes {@link sealWelcomePacket} and checks the sender's signatures. Whether the group inside agrees shows when it is joined. */
export async function openWelcomePacket(
  components: SealingComponents,
  init: { readonly drop: Drop; readonly inboxPrivateKey: Uint8Array; readonly sealed: Uint8Array }
): Promise<WelcomePacket | { readonly refused: WelcomeRefusal }> {
  const padded = init.sealed.byteLength - ENCAPSULATED_BYTES - TAG_BYTES
  const isPossible =
    init.sealed.byteLength <= MAX_SEALED_BYTES && padded > 0 && padmeLength(padded) === padded
  if (!isPossible) return { refused: 'not-a-welcome' }
  const mls = await createMls(components)
  const opened = await mls.hpkeOpen(
    init.inboxPrivateKey,
    infoOf(init.drop),
    init.sealed.slice(0, ENCAPSULATED_BYTES),
    init.sealed.slice(ENCAPSULATED_BYTES)
  )
  if (opened === undefined) return { refused: 'not-a-welcome' }
  const bytes = unpad(opened)
  if (bytes === undefined) return { refused: 'welcome-forged' }
  const verifier = createSignatureVerifier()
  const statement = await verifyStatement({ verifier, clock: components.clock }, bytes, {
    context: SIGNATURE_CONTEXT.welcome,
    place: init.drop.address
  })
  if (statement === 'malformed' || statement === 'forged') return { refused: 'welcome-forged' }
  const body = readBody(statement.body)
  if (body === undefined) return { refused: 'welcome-forged' }
  return { ...body, contact: redactIdentity(statement.identity) }
}

function readBody(bytes: Uint8Array): Omit<WelcomePacket, 'contact'> | undefined {
  try {
    const map = readMap(decodeCanonical(bytes, MAX_SEALED_BYTES), 'welcome', [
      'v',
      'conversation',
      'name',
      'welcome'
    ])
    readInteger(map['v'], 'version', VERSION, VERSION)
    return {
      conversation: readBytes(map['conversation'], 'conversation', 16),
      name: readDisplayName(readText(map['name'], 'name', MAX_RAW_NAME)),
      welcome: readBytes(map['welcome'], 'MLS Welcome', 1, MAX_SEALED_BYTES)
    }
  } catch {
    return undefined
  }
}

function infoOf(drop: Drop): Uint8Array {
  return utf8ToBytes(`${SIGNATURE_CONTEXT.welcome}|${drop.address}`)
}
