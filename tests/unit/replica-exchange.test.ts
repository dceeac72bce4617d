import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_SYNC_UNACKED_FRAMES } from '#protocol/limits.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { initiateExchange } from '#replica/sync/exchange.ts'
import type { FrameStream } from '#replica/sync/frame-stream.ts'
import { decodeSyncMessage, encodeSyncMessage } from '#replica/sync/sync-messages.ts'
import type { SyncMessage } from '#replica/sync/sync-messages.ts'
import { createTestGate, sealText } from '#tests/support/replica-gate.ts'
import { entriesMessage } from '#tests/support/replica-pack.ts'

/** So that few entries fill a frame. */
const LARGE = 'x'.repeat(10_000)
const ENTRIES_PER_FRAME = 7

/** Entries that fill so many frames: the first three, which grow, have as many as one of the others. */
function entriesIn(frames: number): number {
  return ENTRIES_PER_FRAME * (frames - 2)
}

async function openLog(entries: number): Promise<OrbitLog> {
  const gate = createTestGate()
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
  for (let count = 0; count < entries; count++) await log.append(sealText(LARGE))
  return log
}

/** The other side of an exchange, played by the test frame by frame. */
interface PlayedPeer {
  readonly frames: FrameStream
  readonly sent: SyncMessage['type'][]
  say(message: SyncMessage): void
  end(): void
  break(): void
  isBroken(): Promise<void>
  /** Resolves when the log under test has said `type` for the `count`th time. */
  hears(type: SyncMessage['type'], count?: number): Promise<void>
  /** Resolves when all that was said was taken, and more is waited for. */
  isAwaited(): Promise<void>
  /** Holds back the end of the writes of `type`, until the returned function is called. */
  stall(type: SyncMessage['type'], from: number): () => void
}

function playPeer(): PlayedPeer {
  const said: (SyncMessage | undefined)[] = []
  const sent: SyncMessage['type'][] = []
  let isBroken = false
  let changed = Promise.withResolvers<undefined>()
  let isReading = false
  let stalled: { type: SyncMessage['type']; from: number; done: Promise<undefined> } | undefined
  const change = (): void => {
    changed.resolve(undefined)
    changed = Promise.withResolvers()
  }
  const until = async (claim: () => boolean): Promise<void> => {
    while (!claim()) await changed.promise
  }
  const countOf = (type: SyncMessage['type']): number => sent.filter((one) => one === type).length
  const abort = (): void => {
    isBroken = true
    change()
  }
  return {
    sent,
    frames: {
      async read() {
        isReading = true
        change()
        await until(() => said.length > 0 || isBroken)
        isReading = false
        if (isBroken) throw new DeadDropError('node-unreachable', 'stream broke')
        const message = said.shift()
        return message === undefined ? undefined : encodeSyncMessage(message)
      },
      async write(frame) {
        if (isBroken) throw new DeadDropError('node-unreachable', 'stream broke')
        const { type } = decodeSyncMessage(frame)
        sent.push(type)
        change()
        if (stalled?.type === type && countOf(type) >= stalled.from) await stalled.done
      },
      async close() {
        change()
      },
      abort
    },
    say(message) {
      said.push(message)
      change()
    },
    end() {
      said.push(undefined)
      change()
    },
    break: abort,
    isBroken: () => until(() => isBroken),
    hears: (type, count = 1) => until(() => countOf(type) >= count),
    isAwaited: () => until(() => said.length === 0 && isReading),
    stall(type, from) {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      stalled = { type, from, done: promise }
      return () => {
        resolve(undefined)
      }
    }
  }
}

function haveNothing(log: OrbitLog): SyncMessage {
  return { type: 'have', address: log.address, heads: [], ladder: [], isFull: false }
}

it('no more frames are under way than the bound, and each ack lets one more go', async () => {
  const log = await openLog(entriesIn(MAX_SYNC_UNACKED_FRAMES + 2))
  const peer = playPeer()
  const outcome = initiateExchange(peer.frames, log)
  peer.say(haveNothing(log))
  peer.say({ type: 'end' })
  for (let acks = 0; acks < 2; acks++) {
    await peer.hears('entries', MAX_SYNC_UNACKED_FRAMES + acks)
    await peer.isAwaited()
    expect(peer.sent.filter((type) => type === 'entries')).toHaveLength(
      MAX_SYNC_UNACKED_FRAMES + acks
    )
    peer.say({ type: 'ack' })
  }
  await peer.hears('end')
  for (let acks = 0; acks < MAX_SYNC_UNACKED_FRAMES; acks++) peer.say({ type: 'ack' })
  expect(await outcome).toMatchObject({ kind: 'settled', sent: log.size().entries })
})

it('an ack for nothing that was sent fails the exchange', async () => {
  const log = await openLog(1)
  const peer = playPeer()
  const outcome = initiateExchange(peer.frames, log)
  peer.say(haveNothing(log))
  await peer.hears('entries')
  peer.say({ type: 'ack' })
  peer.say({ type: 'ack' })
  expect(await outcome).toMatchObject({ kind: 'failed' })
})

it.each(['entries', 'end'] as const)('%s after the end fails the exchange', async (type) => {
  const log = await openLog(1)
  const peer = playPeer()
  const outcome = initiateExchange(peer.frames, log)
  peer.say(haveNothing(log))
  peer.say({ type: 'end' })
  peer.say(type === 'end' ? { type } : entriesMessage([]))
  expect(await outcome).toMatchObject({ kind: 'failed' })
})

it('a peer whose last word came before ours, and who then closes, is settled with', async () => {
  const log = await openLog(1)
  const peer = playPeer()
  const goOn = peer.stall('entries', 1)
  const outcome = initiateExchange(peer.frames, log)
  peer.say(haveNothing(log))
  peer.say({ type: 'end' })
  await peer.hears('entries')
  peer.say({ type: 'ack' })
  await peer.isAwaited()
  goOn()
  await peer.hears('end')
  peer.end()
  expect(await outcome).toMatchObject({ kind: 'settled', sent: 1 })
})

it('a peer that closes before it has acknowledged everything is not settled with', async () => {
  const log = await openLog(1)
  const peer = playPeer()
  const outcome = initiateExchange(peer.frames, log)
  peer.say(haveNothing(log))
  peer.say({ type: 'end' })
  await peer.hears('end')
  peer.end()
  expect(await outcome).toMatchObject({ kind: 'failed' })
})

it('an exchange that breaks while the bound is reached ends', async () => {
  const log = await openLog(entriesIn(MAX_SYNC_UNACKED_FRAMES + 1))
  const waiting = playPeer()
  const first = initiateExchange(waiting.frames, log)
  waiting.say(haveNothing(log))
  await waiting.hears('entries', MAX_SYNC_UNACKED_FRAMES)
  waiting.break()
  expect(await first).toMatchObject({ kind: 'failed' })

  // The last write ends well after the break, and only then the sender sees that it has to wait.
  const writing = playPeer()
  const goOn = writing.stall('entries', MAX_SYNC_UNACKED_FRAMES)
  const second = initiateExchange(writing.frames, log)
  writing.say(haveNothing(log))
  await writing.hears('entries', MAX_SYNC_UNACKED_FRAMES)
  writing.say({ type: 'refuse' })
  await writing.isBroken()
  goOn()
  expect(await second).toMatchObject({ kind: 'failed' })
})

it('a peer that sends on without taking our acks is given up', async () => {
  const log = await openLog(0)
  const peer = playPeer()
  peer.stall('ack', 1)
  const outcome = initiateExchange(peer.frames, log)
  peer.say(haveNothing(log))
  for (let count = 0; count < MAX_SYNC_UNACKED_FRAMES * 2; count++) peer.say(entriesMessage([]))
  expect(await outcome).toMatchObject({ kind: 'failed' })
})
