import { peerIdFromString } from '@libp2p/peer-id'
import type { Stream } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import type { LogWriter } from '#protocol/gate.ts'
import { hashOfBlock } from '#protocol/log-manifest.ts'
import { LIVE_TOPIC_SUFFIX, SYNC_PROTOCOL } from '#protocol/protocol-ids.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { encodeSyncMessage } from '#replica/sync/sync-messages.ts'
import { forgeEntry, reorderMap } from '#tests/support/replica-forge.ts'
import {
  createTestGate,
  createTestWriter,
  openText,
  sealText
} from '#tests/support/replica-gate.ts'
import { entriesMessage } from '#tests/support/replica-pack.ts'
import type { TestGate } from '#tests/support/replica-gate.ts'
import {
  connect,
  eventually,
  eventuallyHas,
  startReplicaPeer,
  textsOf
} from '#tests/support/replica-peers.ts'
import type { ReplicaPeer } from '#tests/support/replica-peers.ts'

/** An honest message must get through in this time, whatever was done before it: the stock failures take 30 s or for ever. */
const PROMPT_MS = 5_000

interface Conversation extends AsyncDisposable {
  readonly gate: TestGate
  readonly writer: LogWriter
  readonly alice: ReplicaPeer
  readonly bob: ReplicaPeer
  readonly eve: ReplicaPeer
  readonly ours: SealedLog
  readonly theirs: SealedLog
  readonly refusals: () => Readonly<Record<string, number>>
  /** An honest message right after the attack arrives, and nothing else did. */
  expectHonestMessages(texts?: readonly string[]): Promise<void>
}

/** Alice and Bob talk; Eve is connected to Alice, knows the address of the log, and may not write there. */
async function startConversation(): Promise<Conversation> {
  const gate = createTestGate()
  const writer = gate.admitWriter()
  const [alice, bob, eve] = await Promise.all([
    startReplicaPeer(),
    startReplicaPeer({ isClient: true }),
    startReplicaPeer({ isClient: true })
  ])
  const ours = await alice.engine.open(gate.manifest, { writer })
  const theirs = await bob.engine.open(gate.manifest, { writer: gate.admitWriter() })
  await connect(bob, alice)
  await connect(eve, alice)
  const { pubsub } = eve.network.libp2p.services
  await eventually(
    'Eve sees who follows the log',
    () => pubsub.getSubscribers(gate.address).length > 0
  )
  await ours.append(sealText('before'))
  await eventuallyHas(theirs, 1)
  let refusals: Readonly<Record<string, number>> = {}
  ours.addEventListener('refused', ({ detail }) => {
    refusals = detail
  })
  return {
    gate,
    writer,
    alice,
    bob,
    eve,
    ours,
    theirs,
    refusals: () => refusals,
    async expectHonestMessages(texts = ['before']) {
      const startedAt = performance.now()
      await ours.append(sealText('from Alice'))
      await eventuallyHas(theirs, texts.length + 1, PROMPT_MS)
      await theirs.append(sealText('from Bob'))
      await eventuallyHas(ours, texts.length + 2, PROMPT_MS)
      expect(performance.now() - startedAt).toBeLessThan(PROMPT_MS)
      expect(await textsOf(ours)).toEqual([...texts, 'from Alice', 'from Bob'])
      expect(await textsOf(theirs)).toEqual([...texts, 'from Alice', 'from Bob'])
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([alice.stop(), bob.stop(), eve.stop()])
    }
  }
}

async function publish({ eve, gate }: Conversation, bytes: Uint8Array, suffix = ''): Promise<void> {
  await eve.network.libp2p.services.pubsub.publish(gate.address + suffix, bytes)
}

describe('over gossip', () => {
  const attacks: readonly (readonly [
    what: string,
    reason: string,
    forge: (conversation: Conversation) => Promise<Uint8Array>
  ])[] = [
    [
      'an entry under the certificate of a member, signed by a stranger (forged identity)',
      'no-certificate',
      ({ gate, writer }) =>
        forgeEntry(
          gate.address,
          createTestWriter(() => writer.certificate)
        )
    ],
    [
      'an entry that names a member as its key (forged key)',
      'bad-signature',
      ({ gate, writer }) => {
        const stranger = createTestWriter(() => '')
        return forgeEntry(gate.address, {
          ...writer,
          sign: (message) => stranger.sign(message)
        })
      }
    ],
    [
      'a known entry with one more field',
      'malformed',
      ({ gate, writer }) => forgeEntry(gate.address, writer, { extra: { note: 1 } })
    ],
    [
      'an entry with its map in another order',
      'malformed',
      async ({ gate, writer }) => reorderMap(await forgeEntry(gate.address, writer))
    ],
    [
      'an entry without a clock',
      'malformed',
      ({ gate, writer }) => forgeEntry(gate.address, writer, { clock: null })
    ],
    [
      'an entry without a payload',
      'malformed',
      ({ gate, writer }) => forgeEntry(gate.address, writer, { payload: null })
    ],
    [
      'an entry at the end of time',
      'malformed',
      ({ gate, writer }) =>
        forgeEntry(gate.address, writer, {
          clock: { id: writer.publicKey, time: Number.MAX_SAFE_INTEGER }
        })
    ],
    [
      'a member’s entry that jumps far ahead in time',
      'time-not-causal',
      async ({ gate, ours }) => {
        const mallory = gate.admitWriter()
        return forgeEntry(gate.address, mallory, {
          next: [...(await ours.heads())],
          clock: { id: mallory.publicKey, time: 2 ** 40 }
        })
      }
    ],
    ['three bytes of garbage', 'malformed', async () => Uint8Array.of(0xff, 0x00, 0x81)]
  ]
  it.each(attacks)('%s is refused, and honest messages go on', async (_what, reason, forge) => {
    await using conversation = await startConversation()
    await publish(conversation, await forge(conversation))
    await eventually('the attack was refused', () => conversation.refusals()[reason] === 1)
    await conversation.expectHonestMessages()
  })

  it('a stranger’s re-publication of known entries shows nothing twice', async () => {
    await using conversation = await startConversation()
    const { alice, ours, theirs } = conversation
    const announced: string[] = []
    for (const log of [ours, theirs]) {
      log.addEventListener('entries', ({ detail }) => {
        announced.push(...detail.map(({ sealed }) => openText(sealed)))
      })
    }
    for (const hash of await ours.heads()) {
      const bytes = await alice.store.get(`block/${hash}`)
      if (bytes !== undefined) await publish(conversation, bytes)
    }
    await conversation.expectHonestMessages()
    expect(announced.sort()).toEqual(['from Alice', 'from Alice', 'from Bob', 'from Bob'])
  })

  it('garbage and forgery on the live topic reach nobody', async () => {
    await using conversation = await startConversation()
    const { bob, theirs } = conversation
    const heard: string[] = []
    theirs.addEventListener('live', ({ detail }) => heard.push(openText(detail.sealed)))
    await publish(conversation, Uint8Array.of(1, 2, 3), LIVE_TOPIC_SUFFIX)
    await publish(conversation, new Uint8Array(100_000), LIVE_TOPIC_SUFFIX)
    await eventually('an honest live frame arrives', async () => {
      await conversation.ours.sendLive(sealText('typing'))
      return heard.length > 0
    })
    expect(new Set(heard)).toEqual(new Set(['typing']))
    expect(bob.engine.get(conversation.gate.address)?.size().entries).toBe(1)
    await conversation.expectHonestMessages()
  })

  it('a member’s entry whose ancestors nobody has blocks neither sending nor receiving', async () => {
    await using conversation = await startConversation()
    const { gate } = conversation
    const mallory = gate.admitWriter()
    const parent = await forgeEntry(gate.address, mallory)
    for (let count = 0; count < 20; count++) {
      const clock = { id: mallory.publicKey, time: 2 }
      const payload = { op: 'ADD', key: null, value: Uint8Array.of(count) }
      await publish(
        conversation,
        await forgeEntry(gate.address, mallory, { next: [hashOfBlock(parent)], clock, payload })
      )
    }
    await conversation.expectHonestMessages()
  })
})

describe('over the sync protocol', () => {
  async function openStream({ eve, alice }: Conversation): Promise<Stream> {
    return eve.network.libp2p.dialProtocol(peerIdFromString(alice.network.peerId), SYNC_PROTOCOL)
  }

  function frame(bytes: Uint8Array, length = bytes.byteLength): Uint8Array {
    const framed = new Uint8Array(4 + bytes.byteLength)
    new DataView(framed.buffer).setUint32(0, length)
    framed.set(bytes, 4)
    return framed
  }

  it('streams that say nothing, stop inside a frame, or never close hurt nobody else', async () => {
    await using conversation = await startConversation()
    const { gate, alice } = conversation
    for (let count = 0; count < 10; count++) await openStream(conversation)
    const halfFrame = await openStream(conversation)
    halfFrame.send(frame(new Uint8Array(10), 1_000))
    const offer = await openStream(conversation)
    offer.send(
      frame(
        encodeSyncMessage({
          type: 'have',
          address: gate.address,
          heads: [],
          ladder: [],
          isFull: false
        })
      )
    )
    await using carol = await startReplicaPeer({ isClient: true })
    const hers = await carol.engine.open(gate.manifest)
    await connect(carol, alice)
    await eventuallyHas(hers, 1, PROMPT_MS)
    await conversation.expectHonestMessages()
  })

  it('a follower that takes the offer and never answers delays nobody else', async () => {
    await using conversation = await startConversation()
    const { gate, eve, alice, ours } = conversation
    await eve.engine.stop()
    await eve.network.libp2p.handle(SYNC_PROTOCOL, () => undefined, { force: true })
    eve.network.libp2p.services.pubsub.subscribe(gate.address)
    await eventually('Alice sees Eve follow', () =>
      alice.network.libp2p.services.pubsub
        .getSubscribers(gate.address)
        .some((peer) => peer.toString() === eve.network.peerId)
    )
    const stuck = alice.engine.sync(gate.address, {
      peerId: eve.network.peerId,
      signal: AbortSignal.timeout(2_000)
    })
    await conversation.expectHonestMessages()
    expect(await stuck).toMatchObject([{ kind: 'failed' }])
    const signal = AbortSignal.timeout(PROMPT_MS)
    expect(
      await alice.engine.sync(ours.address, { peerId: conversation.bob.network.peerId, signal })
    ).toMatchObject([{ kind: 'settled' }])
  })

  it.each([
    ['garbage', frame(Uint8Array.of(0xff, 1, 2))],
    ['a frame that claims four gigabytes', frame(new Uint8Array(1), 0xffff_ffff)],
    ['an end without a beginning', frame(encodeSyncMessage({ type: 'end' }))],
    ['raw bytes', new Uint8Array(5_000)]
  ])('%s ends the stream and nothing else', async (_what, bytes) => {
    await using conversation = await startConversation()
    const stream = await openStream(conversation)
    stream.send(bytes)
    await eventually('Alice ends the stream', () => stream.status !== 'open')
    await conversation.expectHonestMessages()
  })

  it('acks that nobody asked for end the stream and nothing else', async () => {
    await using conversation = await startConversation()
    const { gate, ours } = conversation
    const stream = await openStream(conversation)
    const heads = await ours.heads()
    const offer = { type: 'have', address: gate.address, heads, ladder: [], isFull: false } as const
    stream.send(frame(encodeSyncMessage(offer)))
    for (let count = 0; count < 50; count++) stream.send(frame(encodeSyncMessage({ type: 'ack' })))
    await eventually('Alice ends the stream', () => stream.status !== 'open', PROMPT_MS)
    await conversation.expectHonestMessages()
  })

  it('a forged entry ends the exchange and is not stored', async () => {
    await using conversation = await startConversation()
    const { gate, writer } = conversation
    const stream = await openStream(conversation)
    const forged = await forgeEntry(
      gate.address,
      createTestWriter(() => writer.certificate)
    )
    stream.send(
      frame(
        encodeSyncMessage({
          type: 'have',
          address: gate.address,
          heads: [],
          ladder: [],
          isFull: false
        })
      )
    )
    stream.send(frame(encodeSyncMessage(entriesMessage([forged]))))
    await eventually('the entry was refused', () => conversation.refusals()['no-certificate'] === 1)
    await eventually('Alice ends the stream', () => stream.status !== 'open')
    await conversation.expectHonestMessages()
  })

  it('a log that the peer does not follow is unsupported, not an error', async () => {
    await using conversation = await startConversation()
    const { bob, alice } = conversation
    const other = createTestGate()
    await bob.engine.open(other.manifest)
    const signal = AbortSignal.timeout(PROMPT_MS)
    expect(
      await bob.engine.sync(other.address, { peerId: alice.network.peerId, signal })
    ).toMatchObject([{ kind: 'unsupported' }])
  })
})

it('entries of 10 KB and more heads than one entry may name cross in both directions', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer({ isClient: true })
  const logs = [
    await alice.engine.open(gate.manifest, { writer: gate.admitWriter() }),
    await bob.engine.open(gate.manifest, { writer: gate.admitWriter() })
  ] as const
  for (const [side, log] of logs.entries()) {
    for (let count = 0; count < 30; count++) {
      await log.append(sealText(`${String(side)} ${String(count)} ${'x'.repeat(10_000)}`))
    }
  }
  // Eighty writers who never saw each other: eighty heads at Alice, told by gossip.
  await using carol = await startReplicaPeer({ isClient: true })
  await connect(carol, alice)
  const { pubsub } = carol.network.libp2p.services
  await eventually('Alice follows', () => pubsub.getSubscribers(gate.address).length > 0)
  for (let count = 0; count < 80; count++) {
    const value = sealText(`branch ${String(count)} ${'y'.repeat(10_000)}`)
    await pubsub.publish(
      gate.address,
      await forgeEntry(gate.address, gate.admitWriter(), {
        payload: { op: 'ADD', key: null, value }
      })
    )
  }
  await eventuallyHas(logs[0], 110)
  await connect(bob, alice)
  for (const log of logs) await eventuallyHas(log, 140)
  expect(await textsOf(logs[0])).toEqual(await textsOf(logs[1]))
  await logs[1].append(sealText('merge'))
  await eventuallyHas(logs[0], 141, PROMPT_MS)
})

it('an old entry that one peer has lost comes from another', async () => {
  const gate = createTestGate()
  await using pim = await startReplicaPeer()
  await using alice = await startReplicaPeer()
  const held = await pim.engine.open(gate.manifest)
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const hashes: string[] = []
  for (let count = 0; count < 40; count++)
    hashes.push((await ours.append(sealText(String(count)))).hash)
  await connect(alice, pim)
  await eventuallyHas(held, 40)
  await pim.store.write([{ key: `block/${hashes[3] ?? ''}`, value: null }])
  await using carol = await startReplicaPeer({ isClient: true })
  const hers = await carol.engine.open(gate.manifest)
  await connect(carol, pim)
  await connect(carol, alice)
  await eventuallyHas(hers, 40)
  expect(await textsOf(hers)).toEqual(await textsOf(ours))
  await ours.append(sealText('after'))
  await eventuallyHas(hers, 41, PROMPT_MS)
})

it('forty followers of one node, all from one address, get every message at once', async () => {
  const gate = createTestGate()
  await using hub = await startReplicaPeer()
  await hub.engine.open(gate.manifest)
  const clients: ReplicaPeer[] = []
  const logs: SealedLog[] = []
  try {
    for (let start = 0; start < 40; start += 8) {
      const group = await Promise.all(
        Array.from({ length: 8 }, () => startReplicaPeer({ isClient: true }))
      )
      clients.push(...group)
      for (const client of group) {
        logs.push(await client.engine.open(gate.manifest, { writer: gate.admitWriter() }))
      }
      await Promise.all(group.map((client) => connect(client, hub)))
    }
    const { pubsub } = hub.network.libp2p.services
    await eventually('all follow', () => pubsub.getSubscribers(gate.address).length === 40)
    for (const [position, log] of logs.slice(0, 5).entries()) {
      await log.append(sealText(`message ${String(position)}`))
      for (const other of logs) await eventuallyHas(other, position + 1, PROMPT_MS)
    }
  } finally {
    await Promise.all(clients.map((client) => client.stop()))
  }
}, 120_000)
