import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SYNC_PROTOCOL } from '#protocol/protocol-ids.ts'
import { encodeSyncMessage } from '#replica/sync/sync-messages.ts'
import { anyBytesLike } from '#tests/support/fuzz-inputs.ts'
import { createTestGate, sealText } from '#tests/support/replica-gate.ts'
import { entriesMessage } from '#tests/support/replica-pack.ts'
import {
  connect,
  eventually,
  eventuallyHas,
  startReplicaPeer,
  textsOf
} from '#tests/support/replica-peers.ts'
import type { ReplicaPeer } from '#tests/support/replica-peers.ts'

const GOSSIP_MESSAGES = 1_000
const SYNC_STREAMS = 1_000
/** Streams that Eve has open at a time. */
const PARALLEL_STREAMS = 16
const HONEST_MESSAGES = 50

it('honest messages keep arriving while a replica is bombarded with damaged gossip and sync frames', async () => {
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  await using eve = await startReplicaPeer()
  const gate = createTestGate()
  const log = await alice.engine.open(gate.manifest)
  const bobs = await bob.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const entries: Uint8Array[] = []
  alice.network.libp2p.services.pubsub.addEventListener('message', ({ detail }) => {
    if (detail.topic === gate.address) entries.push(detail.data)
  })
  await connect(bob, alice)
  await connect(eve, alice)
  await bobs.append(sealText('first'))
  await eventuallyHas(log, 1)
  await eventually('an entry was seen on its way', () => entries.length > 0)

  const seed = Date.now() % 2 ** 31
  console.log(`bombardment seed ${String(seed)}`)
  const offer = encodeSyncMessage({
    type: 'have',
    address: gate.address,
    heads: [],
    ladder: [],
    isFull: false
  })
  const messages = [offer, encodeSyncMessage(entriesMessage(entries)), ...entries]
  const gossip = fc.sample(anyBytesLike(entries), { seed, numRuns: GOSSIP_MESSAGES })
  const frames = fc.sample(anyBytesLike(messages), { seed, numRuns: SYNC_STREAMS })
  let refusals = 0
  log.addEventListener('refused', ({ detail }) => {
    refusals = Object.values(detail).reduce((sum, count) => sum + count, 0)
  })
  const over = new AbortController()
  const attack = Promise.all([
    publishAll(eve, gate.address, gossip),
    ...Array.from({ length: PARALLEL_STREAMS }, (_, lane) =>
      sendAll(
        eve,
        offer,
        frames.filter((_frame, index) => index % PARALLEL_STREAMS === lane)
      )
    )
  ]).finally(() => over.abort())

  let said = 1
  while (!over.signal.aborted || said <= HONEST_MESSAGES) {
    await bobs.append(sealText(`honest ${String(said++)}`))
    // One at a time: each must get through while the next damage is on its way.
    await eventuallyHas(log, said)
  }
  await attack
  expect(said).toBeGreaterThan(HONEST_MESSAGES)
  expect(refusals).toBeGreaterThan(GOSSIP_MESSAGES / 2)
  expect(await textsOf(log)).toEqual(await textsOf(bobs))
  await expect(
    alice.engine.sync(gate.address, {
      peerId: bob.network.peerId,
      signal: AbortSignal.timeout(10_000)
    })
  ).resolves.toEqual([expect.objectContaining({ kind: 'settled' })])
}, 120_000)

async function publishAll(
  eve: ReplicaPeer,
  topic: string,
  messages: readonly Uint8Array[]
): Promise<void> {
  for (const bytes of messages) {
    await eve.network.libp2p.services.pubsub.publish(topic, bytes)
    // So that the messages of the others get a turn on this one thread.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Each frame on a stream of its own, every second one after a good offer, every third one cut. */
async function sendAll(
  eve: ReplicaPeer,
  offer: Uint8Array,
  frames: readonly Uint8Array[]
): Promise<void> {
  for (const [index, frame] of frames.entries()) {
    const [connection] = eve.network.libp2p.getConnections()
    if (connection === undefined) throw new Error('the replica has hung up')
    const stream = await connection.newStream(SYNC_PROTOCOL)
    try {
      if (index % 2 === 0) stream.send(framed(offer))
      const bytes = framed(frame)
      stream.send(index % 3 === 0 ? bytes.subarray(0, bytes.byteLength >> 1) : bytes)
      await stream.close({ signal: AbortSignal.timeout(5_000) })
    } catch {
      // The replica was faster to end it.
    }
    // It ends each of them, and an early end of ours would spare it the reading.
    await eventually('the replica has ended the stream', () => stream.status !== 'open')
    stream.abort(new Error('next'))
  }
}

function framed(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.byteLength)
  new DataView(frame.buffer).setUint32(0, body.byteLength)
  frame.set(body, 4)
  return frame
}
