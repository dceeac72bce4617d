import { peerIdFromString } from '@libp2p/peer-id'
import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { MAX_SYNC_FRAME_BYTES, SYNC_IDLE_TIMEOUT_MS } from '#protocol/limits.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { answerExchange, initiateExchange } from '#replica/sync/exchange.ts'
import { createFrameStream } from '#replica/sync/frame-stream.ts'
import { createTestGate, sealText } from '#tests/support/replica-gate.ts'
import type { TestGate } from '#tests/support/replica-gate.ts'
import { connect, startReplicaPeer } from '#tests/support/replica-peers.ts'

/** A protocol of its own, so that nothing but the one exchange under test can deliver. */
const PROTOCOL = '/test/exchange/1'
const ENTRIES = 2_500
const TEXT = 'x'.repeat(4_000)

type FrameStreamComponents = Parameters<typeof createFrameStream>[0]

function framesOf(stream: FrameStreamComponents['stream']): ReturnType<typeof createFrameStream> {
  return createFrameStream(
    { stream, clock: createSystemClock() },
    { maxFrameBytes: MAX_SYNC_FRAME_BYTES, idleTimeoutMs: SYNC_IDLE_TIMEOUT_MS }
  )
}

async function openLog(gate: TestGate, entries: number): Promise<OrbitLog> {
  const log = await openOrbitLog(
    {
      store: createMemoryStore(),
      verifier: createSignatureVerifier(),
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    gate.manifest
  )
  log.grant({ writer: gate.admitWriter() })
  for (let count = 0; count < entries; count++) await log.append(sealText(TEXT))
  return log
}

it.each([
  ['from who asks', ENTRIES, 0],
  ['to who asks', 0, ENTRIES],
  ['in both directions at once', ENTRIES, ENTRIES]
])(
  'ten megabytes cross in one exchange over WebSocket %s',
  async (_direction, ownCount, theirCount) => {
    const gate = createTestGate()
    const ours = await openLog(gate, ownCount)
    const theirs = await openLog(gate, theirCount)
    await using alice = await startReplicaPeer({ isClient: true })
    await using bob = await startReplicaPeer()
    await connect(alice, bob)
    expect(alice.network.status().peers.map(({ transport }) => transport)).toEqual(['websocket'])
    const answered = Promise.withResolvers<Awaited<ReturnType<typeof answerExchange>>>()
    await bob.network.libp2p.handle(PROTOCOL, (stream) => {
      answered.resolve(answerExchange(framesOf(stream), () => theirs))
    })
    const peer = peerIdFromString(bob.network.peerId)
    const stream = await alice.network.libp2p.dialProtocol(peer, PROTOCOL)
    const outcome = await initiateExchange(framesOf(stream), ours)
    expect([outcome.kind, outcome.sent, outcome.received]).toEqual([
      'settled',
      ownCount,
      theirCount
    ])
    expect((await answered.promise)?.outcome.kind).toBe('settled')
    expect(theirs.size().entries).toBe(ownCount + theirCount)
    expect(await theirs.heads()).toEqual(await ours.heads())
  },
  120_000
)
