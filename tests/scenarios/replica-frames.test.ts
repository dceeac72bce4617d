import type { Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { expect, it } from 'vitest'
import { createSystemClock } from '#replica/network/clock.ts'
import { createFrameStream } from '#replica/sync/frame-stream.ts'
import type { FrameStream } from '#replica/sync/frame-stream.ts'
import { connect, eventually, startReplicaPeer } from '#tests/support/replica-peers.ts'
import type { ReplicaPeer } from '#tests/support/replica-peers.ts'

const PROTOCOL = '/test/frames/1'
const FRAME_BYTES = 65_536

interface Pair extends AsyncDisposable {
  readonly near: FrameStream
  readonly nearStream: Stream
  readonly far: Stream
}

async function openPair(idleTimeoutMs: number): Promise<Pair> {
  const alice = await startReplicaPeer({ isClient: true })
  const bob: ReplicaPeer = await startReplicaPeer()
  await connect(alice, bob)
  const arrived = Promise.withResolvers<Stream>()
  await bob.network.libp2p.handle(PROTOCOL, (stream) => {
    arrived.resolve(stream)
  })
  const peer = peerIdFromString(bob.network.peerId)
  const stream = await alice.network.libp2p.dialProtocol(peer, PROTOCOL)
  const near = framesOf(stream, idleTimeoutMs)
  return {
    near,
    nearStream: stream,
    far: await arrived.promise,
    async [Symbol.asyncDispose]() {
      await Promise.all([alice.stop(), bob.stop()])
    }
  }
}

function framesOf(stream: Stream, idleTimeoutMs: number): FrameStream {
  return createFrameStream(
    { stream, clock: createSystemClock() },
    { maxFrameBytes: FRAME_BYTES, idleTimeoutMs }
  )
}

it('a slow reader holds the writer back, and loses nothing', async () => {
  await using pair = await openPair(10_000)
  const far = framesOf(pair.far, 10_000)
  const count = 100
  let written = 0
  const writing = (async () => {
    for (let index = 0; index < count; index++) {
      await pair.near.write(new Uint8Array(FRAME_BYTES).fill(index))
      written++
    }
    await pair.near.close()
  })()
  const first = await far.read()
  expect(first?.[0]).toBe(0)
  // Nobody reads now: what is under way is bounded by the windows of the transport, not by what is to be sent.
  await eventually(
    'the writer is held back',
    () => pair.nearStream.writableNeedsDrain && pair.far.readStatus === 'paused'
  )
  expect(written).toBeLessThan(count / 2)
  for (let index = 1; index < count; index++) {
    const frame = await far.read()
    expect(frame?.byteLength).toBe(FRAME_BYTES)
    expect(frame?.[FRAME_BYTES - 1]).toBe(index)
  }
  await writing
  expect(await far.read()).toBeUndefined()
})

it('a reader that takes nothing ends the exchange after the idle time', async () => {
  await using pair = await openPair(500)
  const endless = async (): Promise<void> => {
    for (;;) await pair.near.write(new Uint8Array(FRAME_BYTES))
  }
  pair.far.pause()
  await expect(endless()).rejects.toMatchObject({ code: 'node-unreachable' })
})

it('a writer that says nothing ends the exchange after the idle time', async () => {
  await using pair = await openPair(300)
  await expect(pair.near.read()).rejects.toMatchObject({ code: 'node-unreachable' })
  await expect(pair.near.write(Uint8Array.of(1))).rejects.toMatchObject({
    code: 'node-unreachable'
  })
})

it('a stream that ends inside a frame is malformed, between two frames it is the end', async () => {
  await using cut = await openPair(5_000)
  cut.far.send(Uint8Array.of(0, 0, 0, 2, 7, 8, 0, 0, 0, 9, 1))
  await cut.far.close()
  expect(await cut.near.read()).toEqual(Uint8Array.of(7, 8))
  await expect(cut.near.read()).rejects.toMatchObject({ code: 'bytes-malformed' })
})

it('a reset stream fails both sides of the exchange', async () => {
  await using pair = await openPair(5_000)
  const reading = pair.near.read()
  pair.far.abort(new Error('gone'))
  await expect(reading).rejects.toMatchObject({ code: 'node-unreachable' })
})
