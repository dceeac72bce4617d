import { beforeAll, describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '#protocol/cbor.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { verifyGateCertificate } from '#protocol/gate.ts'
import {
  MAX_LIVE_FRAME_BYTES,
  MAX_SEALED_BYTES,
  MAX_SEGMENTS,
  MAX_TEXT_BYTES
} from '#protocol/limits.ts'
import { logAddressOf } from '#protocol/log-manifest.ts'
import { openEnvelope, sealEnvelope } from '#sealing/envelope.ts'
import { createIdentity, redactIdentity } from '#sealing/identity.ts'
import { createMls } from '#sealing/mls/mls.ts'
import { decodeGroupState } from 'ts-mls'
import { createSession, joinSession, thawSession, type Session } from '#sealing/session.ts'
import {
  flipBit,
  foundConversation,
  plain,
  sealedOf,
  sealingComponents,
  text,
  type Conversation
} from '#tests/support/sealing-world.ts'

const components = sealingComponents()
let world: Conversation
let frozen: { alice: Uint8Array; bob: Uint8Array }
let alice: Session
let bob: Session

beforeAll(async () => {
  world = await foundConversation(components)
  frozen = { alice: world.alice.freeze(), bob: world.bob.freeze() }
})

async function reopen(): Promise<void> {
  alice = await thawSession(components, frozen.alice)
  bob = await thawSession(components, frozen.bob)
}

describe('a conversation of two', { timeout: 60_000 }, () => {
  it('has the same segments, epoch and members on both sides, and different writers', async () => {
    await reopen()
    const numbers = [0, 1, 7, MAX_SEGMENTS - 1]
    const [ofAlice, ofBob] = [alice, bob].map((one) => numbers.map((number) => one.segment(number)))
    expect(ofAlice?.map(({ manifest }) => manifest)).toEqual(ofBob?.map(({ manifest }) => manifest))
    for (const { manifest, address } of ofAlice ?? []) expect(address).toBe(logAddressOf(manifest))
    const writers = [ofAlice, ofBob].flatMap((all) => all?.map(({ writer }) => writer.publicKey))
    const parts = ofAlice?.flatMap(({ manifest }) => [manifest.name, manifest.gatePublicKey]) ?? []
    // Nothing that a node sees of one segment is there in another.
    expect(new Set([...writers, ...parts]).size).toBe(4 * numbers.length)
    expect(alice.epochId).toBe(bob.epochId)
    expect(alice.conversationId).toBe(bob.conversationId)
    expect(alice.conversationId).toMatch(/^[0-9a-f]{32}$/)
    expect(alice.members()).toEqual(bob.members())
    expect(alice.members()).toEqual([
      redactIdentity(world.bobIdentity),
      redactIdentity(world.aliceIdentity)
    ])
  })

  it('admits its writer to the segment that it names, and to no other', async () => {
    await reopen()
    const verifier = createSignatureVerifier()
    const admits = (into: number): Promise<boolean> => {
      const { manifest, address } = bob.segment(into)
      const { publicKey, certificate } = alice.segment(3).writer
      return verifyGateCertificate(verifier, manifest, address, publicKey, certificate)
    }
    expect([await admits(3), await admits(2), await admits(4)]).toEqual([true, false, false])
  })

  it.each([-1, 0.5, MAX_SEGMENTS])('has no segment %d', async (number) => {
    await reopen()
    expect(() => alice.segment(number)).toThrow(expect.objectContaining({ code: 'internal' }))
  })

  it('opens a message for the other side, with its author', async () => {
    await reopen()
    const opened = await alice.open(await bob.seal(plain('hello')))
    expect(opened).toEqual({
      kind: 'opened',
      plain: plain('hello'),
      author: redactIdentity(world.bobIdentity)
    })
  })

  it('opens each message once', async () => {
    await reopen()
    const sealed = await bob.seal(plain('once'))
    expect(await alice.open(sealed)).toMatchObject({ kind: 'opened' })
    expect(await alice.open(sealed)).toEqual({ kind: 'rejected', reason: 'opened-before' })
  })

  it('does not open a message again in another envelope', async () => {
    await reopen()
    const sealed = await bob.seal(plain('once'))
    await alice.open(sealed)
    const again = sealEnvelope(components, envelopeKeyOf(frozen.bob), innerOf(sealed, frozen.bob))
    expect(await alice.open(again)).toEqual({ kind: 'rejected', reason: 'opened-before' })
  })

  it('tells its own entries apart and is not moved by them', async () => {
    await reopen()
    const sealed = await bob.seal(plain('mine'))
    expect(await bob.open(sealed)).toEqual({ kind: 'rejected', reason: 'own' })
    await reopen()
    const before = bob.freeze()
    expect(await bob.open(sealed)).toEqual({ kind: 'rejected', reason: 'own' })
    expect(bob.freeze()).toEqual(before)
  })

  it('takes the longest text and refuses what no entry can carry, without losing its place', async () => {
    await reopen()
    const longest = await bob.seal(plain('x'.repeat(MAX_TEXT_BYTES + 500)))
    expect(longest.byteLength).toBeLessThanOrEqual(MAX_SEALED_BYTES)
    const before = bob.freeze()
    await expect(bob.seal(plain('x'.repeat(MAX_SEALED_BYTES)))).rejects.toThrow(
      expect.objectContaining({ code: 'text-too-long' })
    )
    expect(bob.freeze()).toEqual(before)
    expect(await alice.open(longest)).toMatchObject({ kind: 'opened' })
    expect(await alice.open(await bob.seal(plain('next')))).toMatchObject({ kind: 'opened' })
  })

  it('hides the length of short messages', async () => {
    await reopen()
    const lengths = [0, 1, 20, 60].map(
      async (length) => (await bob.seal(plain('x'.repeat(length)))).byteLength
    )
    expect(new Set(await Promise.all(lengths)).size).toBe(1)
  })

  it('keeps an entry of an unknown epoch for later', async () => {
    await reopen()
    const other = await foundConversation(components)
    expect(await alice.open(await other.bob.seal(plain('elsewhere')))).toEqual({
      kind: 'waiting',
      reason: 'unknown-epoch'
    })
  })

  it('loses the key of a message with its opening, also for who steals the state afterwards', async () => {
    await reopen()
    const sealed = [
      await bob.seal(plain('0')),
      await bob.seal(plain('1')),
      await bob.seal(plain('2'))
    ] as const
    await alice.open(sealed[1])
    await alice.open(sealed[2])
    const stolen = await thawSession(components, alice.freeze())
    // The skipped message 0 keeps its own key only, not the chain from which those of 1 and 2 could be derived.
    expect(await stolen.open(sealed[0])).toMatchObject({ kind: 'opened' })
    expect(await stolen.open(sealed[1])).toEqual({ kind: 'rejected', reason: 'opened-before' })
    expect(Buffer.from(alice.freeze()).includes(Buffer.from(chainSecretOf(frozen.alice)))).toBe(
      false
    )
  })
})

describe('hostile entries', { timeout: 60_000 }, () => {
  it('with any byte changed or missing never throw and never change the session', async () => {
    await reopen()
    const sealed = await bob.seal(plain('genuine'))
    const before = alice.freeze()
    for (let index = 0; index < sealed.byteLength; index += 3) {
      expect((await alice.open(flipBit(sealed, index * 8 + 2))).kind).not.toBe('opened')
      expect((await alice.open(sealedOf(sealed.subarray(0, index)))).kind).toBe('rejected')
    }
    expect((await alice.open(sealedOf(new Uint8Array(MAX_SEALED_BYTES * 2)))).kind).toBe('rejected')
    expect(alice.freeze()).toEqual(before)
    expect(await alice.open(sealed)).toMatchObject({ kind: 'opened', plain: plain('genuine') })
  })

  it('of a member, broken under the right envelope key, never throw and never change the session', async () => {
    await reopen()
    const sealed = await bob.seal(plain('genuine'))
    const inner = innerOf(sealed, frozen.bob)
    const key = envelopeKeyOf(frozen.bob)
    const before = alice.freeze()
    for (let index = 0; index < inner.byteLength; index++) {
      for (const broken of [flipBit(inner, index * 8 + 5), inner.subarray(0, index)]) {
        expect((await alice.open(sealEnvelope(components, key, broken))).kind).not.toBe('opened')
      }
    }
    expect(alice.freeze()).toEqual(before)
    expect(await alice.open(sealed)).toMatchObject({ kind: 'opened' })
  })
})

describe('live frames', { timeout: 60_000 }, () => {
  it('open any number of times and carry nothing of the ratchet', async () => {
    await reopen()
    const before = bob.freeze()
    const frame = await bob.sealLive(plain('typing'))
    expect(bob.freeze()).toEqual(before)
    for (let time = 0; time < 3; time++) {
      const opened = await alice.openLive(frame)
      expect(opened === undefined ? undefined : text(opened)).toBe('typing')
    }
    expect(await alice.openLive(flipBit(frame, 300))).toBeUndefined()
    expect((await alice.open(frame)).kind).toBe('waiting')
    expect(await alice.openLive(await bob.seal(plain('a message')))).toBeUndefined()
  })

  it('are bounded', async () => {
    await reopen()
    await expect(bob.sealLive(plain('x'.repeat(MAX_LIVE_FRAME_BYTES)))).rejects.toThrow(
      expect.objectContaining({ code: 'bytes-too-large' })
    )
  })
})

describe('stored session', { timeout: 60_000 }, () => {
  it('that is damaged is refused as corrupt, of a newer version as newer', async () => {
    const bytes = frozen.alice
    const value = decodeCanonical(bytes, 2 ** 20) as Record<string, never> // a map, as freeze wrote it
    const broken = [
      bytes.subarray(0, -1),
      new Uint8Array(),
      encodeCanonical({ ...value, epochs: [] }),
      encodeCanonical({ ...value, v: 'one' }),
      encodeCanonical({ ...value, extra: 1 })
    ]
    for (const stored of broken) {
      await expect(thawSession(components, stored)).rejects.toThrow(
        expect.objectContaining({ code: 'storage-corrupt' })
      )
    }
    await expect(thawSession(components, encodeCanonical({ ...value, v: 2 }))).rejects.toThrow(
      expect.objectContaining({ code: 'data-newer' })
    )
  })

  it('keeps its writers', async () => {
    await reopen()
    const thawed = await thawSession(components, alice.freeze())
    for (const number of [0, 1]) {
      expect(thawed.segment(number).writer.publicKey).toBe(alice.segment(number).writer.publicKey)
    }
  })
})

describe('founding and joining', { timeout: 60_000 }, () => {
  it('refuses a key package that names somebody else, or is no key package', async () => {
    const mls = await createMls(components)
    const [identity, inviter, eve] = [0, 1, 2].map(() => createIdentity(components))
    if (identity === undefined || inviter === undefined || eve === undefined)
      throw new Error('no people')
    const contact = redactIdentity(inviter)
    const { publicBytes } = await mls.createKeyPackage(eve)
    const genuine = (await mls.createKeyPackage(inviter)).publicBytes
    const broken = [
      publicBytes,
      new Uint8Array(10),
      genuine.subarray(0, -1),
      flipBit(genuine, genuine.byteLength * 8 - 9)
    ]
    for (const keyPackage of broken) {
      await expect(createSession(components, { identity, contact, keyPackage })).rejects.toThrow(
        expect.objectContaining({ code: 'invite-forged' })
      )
    }
  })

  it('refuses a Welcome from another than the claimed person, or with any byte changed', async () => {
    const mls = await createMls(components)
    const [inviter, joiner, eve] = [0, 1, 2].map(() => createIdentity(components))
    if (inviter === undefined || joiner === undefined || eve === undefined)
      throw new Error('no people')
    const keyPackage = await mls.createKeyPackage(inviter)
    const { welcome } = await createSession(components, {
      identity: joiner,
      contact: redactIdentity(inviter),
      keyPackage: keyPackage.publicBytes
    })
    const init = { identity: inviter, contact: redactIdentity(joiner), keyPackage }
    await expect(
      joinSession(components, { ...init, contact: redactIdentity(eve), welcome })
    ).resolves.toEqual({ refused: 'other-person' })
    for (let index = 0; index < welcome.byteLength; index += 97) {
      await expect(
        joinSession(components, { ...init, welcome: flipBit(welcome, index * 8 + 4) })
      ).resolves.toEqual({
        refused: 'welcome-invalid'
      })
    }
    expect(await joinSession(components, { ...init, welcome })).not.toHaveProperty('refused')
  })
})

interface Stored {
  readonly epochs: readonly { readonly envelope: Uint8Array; readonly mls: Uint8Array }[]
}

function envelopeKeyOf(session: Uint8Array): Uint8Array {
  const stored = decodeCanonical(session, 2 ** 20) as unknown as Stored // the form that freeze writes
  return stored.epochs[0]?.envelope ?? new Uint8Array()
}

/** The MLS message in an entry: what a hostile member could put into an envelope of its own. */
function innerOf(sealed: Uint8Array, session: Uint8Array): Uint8Array {
  const inner = openEnvelope(envelopeKeyOf(session), sealed)
  if (inner === undefined) throw new Error('envelope does not open')
  return inner
}

/** The first chain secret of the other side's sending ratchet. */
function chainSecretOf(session: Uint8Array): Uint8Array {
  const stored = decodeCanonical(session, 2 ** 20) as unknown as Stored // the form that freeze writes
  const group = decodeGroupState(stored.epochs[0]?.mls ?? new Uint8Array(), 0)?.[0]
  if (group === undefined) throw new Error('no group')
  const other = group.privatePath.leafIndex === 0 ? 2 : 0
  const secret = group.secretTree[other]?.application.secret
  if (secret === undefined) throw new Error('no secret tree')
  return secret
}
