import { base64url } from 'multiformats/bases/base64'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeCanonical, type CborValue } from '#protocol/cbor.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { verifyGateCertificate } from '#protocol/gate.ts'
import { MAX_SEALED_BYTES } from '#protocol/limits.ts'
import { SIGNATURE_CONTEXT } from '#protocol/protocol-ids.ts'
import { signStatement } from '#sealing/device-statement.ts'
import { dropOf } from '#sealing/drop.ts'
import { sealEnvelope } from '#sealing/envelope.ts'
import { createIdentity, redactIdentity, type IdentityWithSecrets } from '#sealing/identity.ts'
import { encodeInvite, inviteLink, readInvite, type Invite } from '#sealing/invite-link.ts'
import {
  acceptInvite,
  createInvite,
  decodeInviteWithSecrets,
  encodeInviteWithSecrets,
  openBundle,
  openWelcome,
  type Bundle,
  type InviteWithSecrets
} from '#sealing/invite.ts'
import { createMls } from '#sealing/mls/mls.ts'
import { sealWelcomePacket } from '#sealing/welcome-packet.ts'
import {
  DAY_MS,
  flipBit,
  NODE,
  NOW_MS,
  plain,
  sealingComponents
} from '#tests/support/sealing-world.ts'
import vectors from '#tests/vectors/sealing-invite-link.json' with { type: 'json' }

const components = sealingComponents()
const expiresAtMs = NOW_MS + DAY_MS
const malformed = expect.objectContaining({ code: 'invite-malformed' }) as Error // what toThrow compares with

let alice: IdentityWithSecrets
let bob: IdentityWithSecrets
let eve: IdentityWithSecrets
let invite: InviteWithSecrets
let link: Invite
let sealedBundle: Uint8Array
let bundle: Bundle

beforeAll(async () => {
  alice = createIdentity(components)
  bob = createIdentity(components)
  eve = createIdentity(components)
  const made = await createInvite(components, {
    identity: alice,
    name: 'Alice',
    nodes: [NODE],
    expiresAtMs
  })
  invite = made.invite
  link = readInvite(made.payload)
  sealedBundle = made.bundle
  const opened = await openBundle(components, link, sealedBundle)
  if ('refused' in opened) throw new Error(opened.refused)
  bundle = opened
})

describe('invite link', { timeout: 60_000 }, () => {
  it.each(vectors)('keeps its bytes: $payload', (vector) => {
    const secret = hexToBytes(vector.secret)
    const rootPublicKey = hexToBytes(vector.rootPublicKey)
    const { expiresAtMs: end, nodes, payload } = vector
    expect(encodeInvite({ rootPublicKey, secret, expiresAtMs: end, nodes })).toBe(payload)
    expect(readInvite(payload)).toMatchObject({
      payload,
      userId: vector.rootPublicKey,
      secret,
      expiresAtMs: end,
      nodes
    })
    const drop = dropOf({ secret })
    expect({ ...drop, bundleKey: bytesToHex(drop.bundleKey) }).toMatchObject(vector.drop)
  })

  it('is read as a whole link, as a bare payload, and with white space in and around it', () => {
    const whole = inviteLink('https://chat.example.org/app/?a=b#c', invite.payload)
    expect(whole).toBe(`https://chat.example.org/app/#/invite/${invite.payload}`)
    const wrapped = ` ${whole.slice(0, 70)}\r\n ${whole.slice(70)}\n`
    for (const text of [whole, invite.payload, wrapped])
      expect(readInvite(text).payload).toBe(invite.payload)
    expect(inviteLink('http://127.0.0.1:5173', invite.payload)).toBe(
      `http://127.0.0.1:5173/#/invite/${invite.payload}`
    )
  })

  it('that lost, gained or changed a character is malformed', () => {
    for (let index = 0; index < invite.payload.length; index++) {
      const other = invite.payload[index] === 'A' ? 'B' : 'A'
      const before = invite.payload.slice(0, index)
      const after = invite.payload.slice(index + 1)
      for (const text of [before, before + after, before + other + after, `${before}é${after}`]) {
        expect(() => readInvite(text)).toThrow(malformed)
      }
    }
    for (const text of [
      '',
      '#',
      'https://example.org/',
      `${invite.payload}A`,
      'A'.repeat(1_000_000)
    ]) {
      expect(() => readInvite(text)).toThrow(malformed)
    }
  })

  it('of a newer version is told apart from a broken one', () => {
    expect(() => readInvite(payloadOf([2, 'anything']))).toThrow(
      expect.objectContaining({ code: 'invite-unsupported-version' })
    )
    const bodies: CborValue[] = [
      [1],
      [1, new Uint8Array(31), new Uint8Array(16), 1, []],
      [1, new Uint8Array(32), new Uint8Array(16), -1, []],
      [1, new Uint8Array(32), new Uint8Array(16), 1, [new Uint8Array([1, 2])]],
      [1, new Uint8Array(32), new Uint8Array(16), 1, ['/ip4/127.0.0.1']],
      [1, new Uint8Array(32), new Uint8Array(16), 1, [], 'more'],
      [0, new Uint8Array(32), new Uint8Array(16), 1, []],
      { v: 1 },
      'text',
      null
    ]
    for (const body of bodies) expect(() => readInvite(payloadOf(body))).toThrow(malformed)
  })

  it('expires at its second', () => {
    expect(link.isExpired(expiresAtMs - 1)).toBe(false)
    expect(link.isExpired(expiresAtMs)).toBe(true)
  })

  it('names at most two nodes, by multiaddr', () => {
    const init = { rootPublicKey: alice.rootPublicKey, secret: new Uint8Array(16), expiresAtMs }
    for (const nodes of [
      ['nonsense'],
      [''],
      [NODE, NODE, NODE],
      [`/dns4/${'a'.repeat(300)}/tcp/1`]
    ]) {
      expect(() => encodeInvite({ ...init, nodes })).toThrow(
        expect.objectContaining({ code: 'node-address-malformed' })
      )
    }
  })
})

describe('drop', { timeout: 60_000 }, () => {
  it('admits whoever has the link', async () => {
    const drop = dropOf(link)
    expect(drop.address).toBe(dropOf(invite).address)
    const { publicKey, certificate } = drop.writer(invite.writerSeed)
    await expect(
      verifyGateCertificate(
        createSignatureVerifier(),
        drop.manifest,
        drop.address,
        publicKey,
        certificate
      )
    ).resolves.toBe(true)
  })
})

describe('bundle', { timeout: 60_000 }, () => {
  it('says who invites', () => {
    expect(bundle.inviter).toEqual(redactIdentity(alice))
    expect(bundle.name).toBe('Alice')
    expect(sealedBundle.byteLength).toBeLessThanOrEqual(MAX_SEALED_BYTES)
  })

  it('is told apart from everything else in the drop', async () => {
    const { welcome } = await acceptInvite(components, {
      identity: bob,
      name: 'Bob',
      invite: link,
      bundle
    })
    const rubbish = sealEnvelope(components, dropOf(link).bundleKey, plain('rubbish'))
    const others = [
      welcome,
      rubbish,
      flipBit(sealedBundle, 900),
      sealedBundle.subarray(1),
      new Uint8Array()
    ]
    for (const sealed of others) {
      await expect(openBundle(components, link, sealed)).resolves.toEqual({
        refused: 'not-a-bundle'
      })
    }
  })

  it('by somebody else with the link is a forgery', async () => {
    const keyPackage = (await (await createMls(components)).createKeyPackage(eve)).publicBytes
    const genuine = {
      v: 1,
      name: 'Alice',
      keyPackage: bundle.keyPackage,
      inbox: bundle.inboxPublicKey,
      expiry: expiresAtMs / 1_000
    }
    const posing = { ...eve, rootPublicKey: alice.rootPublicKey }
    const forgeries: [IdentityWithSecrets, Record<string, CborValue>][] = [
      [eve, genuine],
      [eve, { ...genuine, keyPackage }],
      [posing, genuine],
      [{ ...posing, deviceCertificate: alice.deviceCertificate }, genuine],
      [alice, { ...genuine, keyPackage }],
      [alice, { ...genuine, expiry: expiresAtMs / 1_000 + 1 }],
      [alice, { ...genuine, name: '\u202e' }],
      [alice, { ...genuine, v: 2 }],
      [alice, { ...genuine, inbox: bundle.inboxPublicKey.subarray(1) }]
    ]
    for (const [identity, body] of forgeries) {
      await expect(
        openBundle(components, link, await bundleOf(identity, link, body))
      ).resolves.toEqual({
        refused: 'invite-forged'
      })
    }
    expect(
      await openBundle(components, link, await bundleOf(alice, link, genuine))
    ).not.toHaveProperty('refused')
  })

  it('is worth nothing under another link to the same person', async () => {
    const { rootPublicKey } = alice
    const madeByEve = readInvite(
      encodeInvite({ rootPublicKey, secret: components.random(16), expiresAtMs, nodes: [] })
    )
    const genuine = {
      v: 1,
      name: 'Alice',
      keyPackage: bundle.keyPackage,
      inbox: bundle.inboxPublicKey,
      expiry: expiresAtMs / 1_000
    }
    const moved = await bundleOf(alice, link, genuine, dropOf(madeByEve).bundleKey)
    await expect(openBundle(components, madeByEve, moved)).resolves.toEqual({
      refused: 'invite-forged'
    })
  })

  it('is worth nothing under a link with a later expiry', async () => {
    const { rootPublicKey } = alice
    const longer = readInvite(
      encodeInvite({
        rootPublicKey,
        secret: link.secret,
        expiresAtMs: expiresAtMs + DAY_MS,
        nodes: []
      })
    )
    await expect(openBundle(components, longer, sealedBundle)).resolves.toEqual({
      refused: 'invite-forged'
    })
  })

  it('under a link with another root is a forgery', async () => {
    const swapped = readInvite(
      encodeInvite({
        rootPublicKey: eve.rootPublicKey,
        secret: link.secret,
        expiresAtMs,
        nodes: []
      })
    )
    await expect(openBundle(components, swapped, sealedBundle)).resolves.toEqual({
      refused: 'invite-forged'
    })
  })
})

describe('accepting', { timeout: 60_000 }, () => {
  it('leads both to one conversation, also when the Welcome is opened again after a restart', async () => {
    const accepted = await acceptInvite(components, {
      identity: bob,
      name: ' Bob ',
      invite: link,
      bundle
    })
    expect(accepted.welcome.byteLength).toBeLessThanOrEqual(MAX_SEALED_BYTES)
    const restored = decodeInviteWithSecrets(encodeInviteWithSecrets(invite))
    for (const stored of [invite, restored]) {
      const joined = await openWelcome(components, {
        identity: alice,
        invite: stored,
        sealed: accepted.welcome
      })
      if ('refused' in joined) throw new Error(joined.refused)
      expect(joined.contact).toEqual({ ...redactIdentity(bob), name: 'Bob' })
      expect(joined.conversationId).toBe(accepted.conversationId)
      const opened = await accepted.session.open(await joined.session.seal(plain('hello')))
      expect(opened.kind).toBe(stored === invite ? 'opened' : 'rejected') // the second join repeats the first key
    }
  })

  it('by several people gives each a conversation of its own', async () => {
    const ids = []
    for (const [identity, name] of [
      [bob, 'Bob'],
      [eve, 'Carol']
    ] as const) {
      const accepted = await acceptInvite(components, { identity, name, invite: link, bundle })
      const joined = await openWelcome(components, {
        identity: alice,
        invite,
        sealed: accepted.welcome
      })
      if ('refused' in joined) throw new Error(joined.refused)
      expect(joined.contact.name).toBe(name)
      expect(await joined.session.open(await accepted.session.seal(plain('hi')))).toMatchObject({
        kind: 'opened'
      })
      ids.push(joined.conversationId, joined.session.segment(0).address)
    }
    expect(new Set(ids).size).toBe(4)
  })

  it('refuses an expired invite, an own one, and a name that is none', async () => {
    const init = { identity: bob, name: 'Bob', invite: link, bundle }
    const cases = [
      [sealingComponents(expiresAtMs), init, 'invite-expired'],
      [components, { ...init, identity: alice }, 'invite-own'],
      [components, { ...init, name: ' ' }, 'name-empty']
    ] as const
    for (const [parts, refused, code] of cases) {
      await expect(acceptInvite(parts, refused)).rejects.toThrow(expect.objectContaining({ code }))
    }
  })
})

describe('Welcome', { timeout: 60_000 }, () => {
  it('with any byte changed, truncated or from elsewhere is no Welcome', async () => {
    const { welcome } = await acceptInvite(components, {
      identity: bob,
      name: 'Bob',
      invite: link,
      bundle
    })
    const broken = Array.from({ length: 24 }, (_, index) => flipBit(welcome, index * 2_083))
    for (const sealed of [
      ...broken,
      welcome.subarray(1),
      new Uint8Array(),
      new Uint8Array(50_000),
      sealedBundle
    ]) {
      await expect(openWelcome(components, { identity: alice, invite, sealed })).resolves.toEqual({
        refused: 'not-a-welcome'
      })
    }
  })

  it('opens for the inviter only', async () => {
    const { welcome } = await acceptInvite(components, {
      identity: bob,
      name: 'Bob',
      invite: link,
      bundle
    })
    const other = await createInvite(components, {
      identity: eve,
      name: 'Eve',
      nodes: [],
      expiresAtMs
    })
    const eves = { ...other.invite, secret: invite.secret }
    await expect(
      openWelcome(components, { identity: eve, invite: eves, sealed: welcome })
    ).resolves.toEqual({
      refused: 'not-a-welcome'
    })
  })

  it('that claims another person than its group does is refused', async () => {
    const accepted = await acceptInvite(components, {
      identity: bob,
      name: 'Bob',
      invite: link,
      bundle
    })
    const mls = await createMls(components)
    const init = {
      drop: dropOf(link),
      inboxPublicKey: bundle.inboxPublicKey,
      conversation: hexToBytes(accepted.conversationId),
      name: 'Bob'
    }
    const group = await mls.createGroupOfTwo(
      hexToBytes(accepted.conversationId),
      await mls.createKeyPackage(bob),
      bundle.keyPackage
    )
    const { welcome } = group
    const cases = [
      [await sealWelcomePacket(components, { ...init, identity: eve, welcome }), 'other-person'],
      [
        await sealWelcomePacket(components, {
          ...init,
          identity: { ...eve, rootPublicKey: bob.rootPublicKey },
          welcome
        }),
        'welcome-forged'
      ],
      [await sealWelcomePacket(components, { ...init, identity: alice, welcome }), 'own'],
      [
        await sealWelcomePacket(components, { ...init, identity: bob, welcome: new Uint8Array(9) }),
        'welcome-invalid'
      ],
      [
        await sealWelcomePacket(components, { ...init, identity: bob, name: '', welcome }),
        'welcome-forged'
      ],
      [
        await sealWelcomePacket(components, {
          ...init,
          identity: bob,
          conversation: new Uint8Array(16),
          welcome
        }),
        'not-as-claimed'
      ]
    ] as const
    for (const [sealed, refused] of cases) {
      await expect(openWelcome(components, { identity: alice, invite, sealed })).resolves.toEqual({
        refused
      })
    }
    const honest = await sealWelcomePacket(components, { ...init, identity: bob, welcome })
    expect(
      await openWelcome(components, { identity: alice, invite, sealed: honest })
    ).not.toHaveProperty('refused')
  })
})

describe('stored invite', { timeout: 60_000 }, () => {
  it('comes back unchanged, and is refused when it is damaged', () => {
    const stored = encodeInviteWithSecrets(invite)
    const restored = decodeInviteWithSecrets(stored)
    expect(encodeInviteWithSecrets(restored)).toEqual(stored)
    expect(restored.keyPackage).toEqual(invite.keyPackage)
    for (const bytes of [stored.subarray(1), stored.subarray(0, -1), new Uint8Array()]) {
      expect(() => decodeInviteWithSecrets(bytes)).toThrow(
        expect.objectContaining({ code: 'storage-corrupt' })
      )
    }
  })
})

function payloadOf(body: CborValue): string {
  const bytes = encodeCanonical(body)
  return base64url.baseEncode(concatBytes(bytes, sha256(bytes).subarray(0, 4)))
}

async function bundleOf(
  identity: IdentityWithSecrets,
  forLink: Invite,
  body: CborValue,
  key = dropOf(forLink).bundleKey
): Promise<Uint8Array> {
  const statement = await signStatement(identity, {
    context: SIGNATURE_CONTEXT.inviteBundle,
    place: dropOf(forLink).address,
    body: encodeCanonical(body)
  })
  return sealEnvelope(components, key, statement)
}
