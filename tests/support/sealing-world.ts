import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { PlainBytes, SealedBytes } from '#protocol/brand.ts'
import type { SealingComponents } from '#sealing/components.ts'
import { createIdentity, type IdentityWithSecrets } from '#sealing/identity.ts'
import { acceptInvite, createInvite, openBundle, openWelcome } from '#sealing/invite.ts'
import { readInvite } from '#sealing/invite-link.ts'
import type { Session } from '#sealing/session.ts'

/** The day on which every sealing test takes place. */
export const NOW_MS = Date.UTC(2030, 0, 1)
export const DAY_MS = 86_400_000
export const NODE =
  '/ip4/127.0.0.1/tcp/4001/ws/p2p/12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'

/** Real randomness, and a clock that stands still. */
export function sealingComponents(nowMs = NOW_MS): SealingComponents {
  return {
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    clock: { now: () => nowMs }
  }
}

/** The same bytes in the same order each time: for vectors only. */
export function countingComponents(): SealingComponents {
  let next = 0
  return {
    random: (length) => Uint8Array.from({ length }, () => next++ & 0xff),
    clock: { now: () => NOW_MS }
  }
}

export function plain(content: string): PlainBytes {
  return utf8ToBytes(content) as PlainBytes // test data stands for an encoded message
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Any bytes, as an entry of a log would carry them. */
export function sealedOf(bytes: Uint8Array): SealedBytes {
  return bytes as SealedBytes // hostile bytes reach the session with this brand: the log cannot look inside
}

/** A copy with one bit changed. */
export function flipBit<T extends Uint8Array>(bytes: T, bit: number): T {
  const copy = bytes.slice() as T // slice keeps the bytes; the brand says that they look like an entry
  const index = Math.floor(bit / 8) % copy.byteLength
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit % 8))
  return copy
}

export interface Conversation {
  readonly aliceIdentity: IdentityWithSecrets
  readonly bobIdentity: IdentityWithSecrets
  readonly alice: Session
  readonly bob: Session
}

/** Alice invites, Bob accepts, Alice opens the Welcome: the whole path, nothing left out. */
export async function foundConversation(components = sealingComponents()): Promise<Conversation> {
  const aliceIdentity = createIdentity(components)
  const bobIdentity = createIdentity(components)
  const { invite, bundle, payload } = await createInvite(components, {
    identity: aliceIdentity,
    name: 'Alice',
    nodes: [NODE],
    expiresAtMs: NOW_MS + DAY_MS
  })
  const link = readInvite(payload)
  const opened = await openBundle(components, link, bundle)
  if ('refused' in opened) throw new Error(opened.refused)
  const accepted = await acceptInvite(components, {
    identity: bobIdentity,
    name: 'Bob',
    invite: link,
    bundle: opened
  })
  const joined = await openWelcome(components, {
    identity: aliceIdentity,
    invite,
    sealed: accepted.welcome
  })
  if ('refused' in joined) throw new Error(joined.refused)
  return { aliceIdentity, bobIdentity, alice: joined.session, bob: accepted.session }
}
