import { expect, it } from 'vitest'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { createTestGate, openText, sealText } from '#tests/support/replica-gate.ts'
import {
  connect,
  disconnect,
  eventually,
  eventuallyHas,
  startReplicaPeer,
  textsOf
} from '#tests/support/replica-peers.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

/** Every announced text, to see that nothing is announced twice. */
function recordAnnounced(log: SealedLog): string[] {
  const announced: string[] = []
  log.addEventListener('entries', ({ detail }) =>
    announced.push(...detail.map(({ sealed }) => openText(sealed)))
  )
  return announced
}

it('a live entry reaches the other replica by gossip', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest, { writer: gate.admitWriter() })
  await connect(alice, bob)
  await ours.append(sealText('hello'))
  await eventuallyHas(theirs, 1)
  await theirs.append(sealText('hi'))
  await eventuallyHas(ours, 2)
  expect(await textsOf(ours)).toEqual(['hello', 'hi'])
  expect(await textsOf(theirs)).toEqual(['hello', 'hi'])
})

it('two sides that wrote 50 entries each while apart end with the same 100, each announced once', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const oursAnnounced = recordAnnounced(ours)
  const theirsAnnounced = recordAnnounced(theirs)
  await connect(alice, bob)
  await ours.append(sealText('common'))
  await eventuallyHas(theirs, 1)
  await disconnect(alice, bob)
  for (let count = 0; count < 50; count++) {
    await ours.append(sealText(`a${String(count)}`))
    await theirs.append(sealText(`b${String(count)}`))
  }
  await connect(alice, bob)
  await eventuallyHas(ours, 101)
  await eventuallyHas(theirs, 101)
  expect(await textsOf(ours)).toEqual(await textsOf(theirs))
  for (const announced of [oursAnnounced, theirsAnnounced]) {
    expect(announced).toHaveLength(101)
    expect(new Set(announced).size).toBe(101)
  }
  expect(await ours.heads()).toEqual(await theirs.heads())
})

it('three replicas that talk through one of them converge', async () => {
  const gate = createTestGate()
  await using pim = await startReplicaPeer()
  await using alice = await startReplicaPeer({ isClient: true })
  await using bob = await startReplicaPeer({ isClient: true })
  const held = await pim.engine.open(gate.manifest)
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest, { writer: gate.admitWriter() })
  for (let count = 0; count < 50; count++) {
    await ours.append(sealText(`a${String(count)}`))
    await theirs.append(sealText(`b${String(count)}`))
  }
  await connect(alice, pim)
  await connect(bob, pim)
  for (const log of [held, ours, theirs]) await eventuallyHas(log, 100)
  expect(await textsOf(ours)).toEqual(await textsOf(theirs))
  expect(await textsOf(held)).toEqual(await textsOf(theirs))
  await ours.append(sealText('live'))
  await eventuallyHas(theirs, 101)
})

it('what a writer wrote offline reaches a reader who is already connected to the node', async () => {
  const gate = createTestGate()
  await using pim = await startReplicaPeer()
  await using alice = await startReplicaPeer({ isClient: true })
  await using bob = await startReplicaPeer({ isClient: true })
  await pim.engine.open(gate.manifest)
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest)
  await connect(bob, pim)
  for (let count = 0; count < 20; count++) await ours.append(sealText(`offline ${String(count)}`))
  await connect(alice, pim)
  await eventuallyHas(theirs, 20, 10_000)
  expect(await textsOf(theirs)).toEqual(await textsOf(ours))
})

it('a late-comer reads everything from the node alone', async () => {
  const gate = createTestGate()
  await using pim = await startReplicaPeer()
  await pim.engine.open(gate.manifest)
  {
    await using alice = await startReplicaPeer({ isClient: true })
    const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    for (let count = 0; count < 20; count++) await ours.append(sealText(`message ${String(count)}`))
    await connect(alice, pim)
    const heads = await ours.heads()
    expect(await pim.engine.waitFor(ours.address, heads, AbortSignal.timeout(10_000))).toBe(true)
  }
  await using bob = await startReplicaPeer({ isClient: true })
  const theirs = await bob.engine.open(gate.manifest)
  await connect(bob, pim)
  await eventuallyHas(theirs, 20)
  expect(await textsOf(theirs)).toEqual(
    Array.from({ length: 20 }, (_, count) => `message ${String(count)}`)
  )
})

it('a message that gossip lost comes with the next round of anti-entropy', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer({ antiEntropyMs: 1_000 })
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest)
  await connect(alice, bob)
  await ours.append(sealText('heard'))
  await eventuallyHas(theirs, 1)
  const { pubsub } = alice.network.libp2p.services
  const publish = pubsub.publish.bind(pubsub)
  pubsub.publish = async () => ({ recipients: [] })
  await ours.append(sealText('lost'))
  pubsub.publish = publish
  await eventuallyHas(theirs, 2)
  expect(await textsOf(theirs)).toEqual(['heard', 'lost'])
})

it('a log on Level is the same after a restart, and goes on', async () => {
  const gate = createTestGate()
  const writer = gate.admitWriter()
  await using folder = await withTempDir()
  const store = await openLevelStore({ directory: folder.path })
  const alice = await startReplicaPeer({ store })
  const ours = await alice.engine.open(gate.manifest, { writer })
  for (const text of ['one', 'two']) await ours.append(sealText(text))
  const heads = await ours.heads()
  await alice.stop()
  await store.close()

  const storeAgain = await openLevelStore({ directory: folder.path })
  await using again = await startReplicaPeer({ store: storeAgain })
  expect(again.network.peerId).toBe(alice.network.peerId)
  const log = await again.engine.open(gate.manifest, { writer })
  expect(await log.heads()).toEqual(heads)
  const announced = recordAnnounced(log)
  await log.append(sealText('three'))
  expect(await textsOf(log)).toEqual(['one', 'two', 'three'])
  expect(announced).toEqual(['three'])
  await again.stop()
  await storeAgain.close()
})

it('live frames reach who listens and are stored nowhere', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  const writer = gate.admitWriter()
  const ours = await alice.engine.open(gate.manifest, { writer })
  const theirs = await bob.engine.open(gate.manifest)
  const heard: string[] = []
  theirs.addEventListener('live', ({ detail }) =>
    heard.push(`${openText(detail.sealed)} ${detail.writer}`)
  )
  await connect(alice, bob)
  await eventually('a live frame arrives', async () => {
    await ours.sendLive(sealText('typing'))
    return heard.length > 0
  })
  expect(heard[0]).toBe(`typing ${writer.publicKey}`)
  expect(theirs.size().entries).toBe(0)
})

it('a forgotten log leaves nothing of it on disk, and may be fetched again', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest)
  for (const text of ['one', 'two', 'three']) await ours.append(sealText(text))
  await connect(alice, bob)
  await eventuallyHas(theirs, 3)
  await bob.engine.forget(gate.address)
  expect(bob.engine.get(gate.address)).toBeUndefined()
  const left: string[] = []
  for await (const [key] of bob.store.entries({ from: 'log/', to: 'log0' })) left.push(key)
  for (const hash of await ours.heads())
    expect(await bob.store.get(`block/${hash}`)).toBeUndefined()
  expect(left).toEqual([])
  const again = await bob.engine.open(gate.manifest)
  await eventuallyHas(again, 3)
})

it('a log that is opened while it is being forgotten begins anew, and keeps what is written then', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  const writer = gate.admitWriter()
  const old = await alice.engine.open(gate.manifest, { writer })
  for (let count = 0; count < 300; count++) await old.append(sealText(String(count)))
  const forgotten = alice.engine.forget(gate.address)
  const log = await alice.engine.open(gate.manifest, { writer })
  await log.append(sealText('new'))
  await forgotten
  expect(await textsOf(log)).toEqual(['new'])
})

it('a log that is being closed can be opened again at once', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  const first = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const appended = first.append(sealText('one'))
  const closed = first.close()
  const second = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  await Promise.all([appended, closed])
  await second.append(sealText('two'))
  expect(await textsOf(second)).toEqual(['one', 'two'])
  expect(alice.engine.get(gate.address)).toBe(second)
})

it('waiting for entries ends when they came, or with the signal', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  await bob.engine.open(gate.manifest)
  const { hash } = await ours.append(sealText('one'))
  const waiting = bob.engine.waitFor(gate.address, [hash], AbortSignal.timeout(20_000))
  expect(await bob.engine.waitFor(gate.address, [hash], AbortSignal.timeout(50))).toBe(false)
  await connect(alice, bob)
  expect(await waiting).toBe(true)
  expect(await bob.engine.waitFor(gate.address, [hash], AbortSignal.abort())).toBe(true)
})

it('an exchange with nobody, or with somebody who is not there, fails as data', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  await alice.engine.open(gate.manifest)
  const signal = AbortSignal.timeout(5_000)
  expect(await alice.engine.sync(gate.address, { signal })).toEqual([])
  for (const peerId of [bob.network.peerId, 'no peer id']) {
    expect(await alice.engine.sync(gate.address, { peerId, signal })).toEqual([
      { peerId, kind: 'failed', received: 0, sent: 0 }
    ])
  }
})
