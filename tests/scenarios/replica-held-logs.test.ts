import { expect, it } from 'vitest'
import type { LogAddress } from '#protocol/brand.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { LogCatalogue } from '#replica/log-catalogue.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { LogSize } from '#replica/sealed-log.ts'
import { createTestGate, sealText } from '#tests/support/replica-gate.ts'
import type { TestGate } from '#tests/support/replica-gate.ts'
import {
  connect,
  disconnect,
  eventually,
  eventuallyHas,
  startReplicaPeer,
  textsOf
} from '#tests/support/replica-peers.ts'
import type { ReplicaPeer, ReplicaPeerInit } from '#tests/support/replica-peers.ts'

/**
 * The system's clock without what waits for a second or more. With it only the side acts whose turn it is: the other one's
 * second word would come at some point of a test on a machine that is busy.
 */
function createImpatientClock(): Clock {
  const clock = createSystemClock()
  return {
    now: () => clock.now(),
    after: (delayMs, callback) =>
      delayMs < 1_000 ? clock.after(delayMs, callback) : () => undefined
  }
}

interface Held {
  readonly catalogue: LogCatalogue
  readonly sizes: ReadonlyMap<LogAddress, LogSize>
  readonly broken: readonly LogAddress[]
  add(manifest: LogManifest, address: LogAddress): void
}

/** A node's registry without the promises. */
function createHeld(gates: readonly TestGate[] = []): Held {
  const manifests = new Map<LogAddress, LogManifest>()
  const sizes = new Map<LogAddress, LogSize>()
  const broken: LogAddress[] = []
  for (const { manifest, address } of gates) manifests.set(address, manifest)
  return {
    sizes,
    broken,
    add: (manifest, address) => void manifests.set(address, manifest),
    catalogue: {
      addresses: () => manifests.keys(),
      find(address) {
        const manifest = manifests.get(address)
        return manifest === undefined ? undefined : { manifest, mayStore: () => true }
      },
      onStored: (address, size) => void sizes.set(address, size),
      onBroken: (address) => void broken.push(address)
    }
  }
}

/** Pim, who holds the logs of `gates`. */
async function startNode(
  gates: readonly TestGate[],
  init: ReplicaPeerInit = {}
): Promise<ReplicaPeer & { readonly held: Held }> {
  const pim = await startReplicaPeer(init)
  const held = createHeld(gates)
  await pim.engine.hold(held.catalogue)
  return Object.assign(pim, { held })
}

/** How many streams of a protocol `peer` has seen, whoever opened them. */
function countStreams(peer: ReplicaPeer): (protocol: string) => number {
  const counts = new Map<string, number>()
  const { peerStore } = peer.network.libp2p
  const merge = peerStore.merge.bind(peerStore)
  // libp2p notes the protocol of each stream, and nothing else alone.
  peerStore.merge = (id, data, options) => {
    const [protocol, ...others] = data.protocols ?? []
    if (protocol !== undefined && others.length === 0)
      counts.set(protocol, (counts.get(protocol) ?? 0) + 1)
    return merge(id, data, options)
  }
  return (name) =>
    [...counts].reduce((sum, [protocol, count]) => (protocol.includes(name) ? sum + count : sum), 0)
}

function subscribersAt(peer: ReplicaPeer, address: LogAddress): string[] {
  return peer.network.libp2p.services.pubsub.getSubscribers(address).map(String)
}

function gatesOf(count: number): TestGate[] {
  return Array.from({ length: count }, () => createTestGate())
}

it('a node opens none of its logs at the start, knows their sizes, and gives one to who asks for it', async () => {
  const gates = gatesOf(20)
  await using before = await startReplicaPeer()
  for (const gate of gates) {
    const log = await before.engine.open(gate.manifest, { writer: gate.admitWriter() })
    await log.append(sealText('one'))
    await log.append(sealText('two'))
  }
  await before.stop()
  await using pim = await startNode(gates, { store: before.store })
  expect(pim.engine.openCount()).toBe(0)
  expect([...pim.held.sizes.values()].map(({ entries }) => entries)).toEqual(
    Array.from({ length: 20 }, () => 2)
  )
  await using bob = await startReplicaPeer({ isClient: true })
  await connect(bob, pim)
  const [gate] = gates
  if (gate === undefined) throw new Error('no gate')
  const theirs = await bob.engine.open(gate.manifest)
  await eventuallyHas(theirs, 2)
  expect(pim.engine.openCount()).toBe(1)
  expect(pim.engine.get(gate.address)).toBeUndefined()
})

it('what one client writes reaches another through a held log, live and later', async () => {
  const gate = createTestGate()
  await using pim = await startNode([gate])
  await using alice = await startReplicaPeer({ isClient: true })
  await using bob = await startReplicaPeer({ isClient: true })
  await connect(alice, pim)
  await connect(bob, pim)
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest, { writer: gate.admitWriter() })
  await ours.append(sealText('from Alice'))
  await eventuallyHas(theirs, 1)
  await theirs.append(sealText('from Bob'))
  await eventuallyHas(ours, 2)
  await disconnect(alice, pim)
  await disconnect(bob, pim)
  await using carol = await startReplicaPeer({ isClient: true })
  await connect(carol, pim)
  const hers = await carol.engine.open(gate.manifest)
  await eventuallyHas(hers, 2)
  expect(await textsOf(hers)).toEqual(['from Alice', 'from Bob'])
  expect(pim.held.sizes.get(gate.address)?.entries).toBe(2)
})

it('a log that nobody uses is closed, and opened again by the next message', async () => {
  const gates = gatesOf(4)
  await using pim = await startNode(gates, { maxIdleLogs: 0 })
  await using alice = await startReplicaPeer({ isClient: true })
  await connect(alice, pim)
  for (const gate of gates) {
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    for (const text of ['one', 'two', 'three']) await log.append(sealText(text))
    await eventually('the node has it all', () => pim.held.sizes.get(gate.address)?.entries === 3)
  }
  await eventually('the node has closed them', () => pim.engine.openCount() === 0)
})

it('a log is not closed under the work of its holder', async () => {
  const [gate, other] = gatesOf(2) as [TestGate, TestGate]
  await using pim = await startNode([gate, other], { maxIdleLogs: 0 })
  const result = await pim.engine.useHeld(gate.address, async (log) => {
    await pim.engine.useHeld(other.address, async () => undefined)
    await pim.engine.useHeld(gate.address, async () => undefined)
    expect(pim.engine.openCount()).toBe(1)
    return (await log.heads()).length
  })
  expect(result).toBe(0)
  await eventually('all are closed', () => pim.engine.openCount() === 0)
  expect(await pim.engine.useHeld(createTestGate().address, async () => 1)).toBeUndefined()
})

it('a node tells strangers nothing of what it holds, and who follows a log of it alone', async () => {
  const [gate, other] = gatesOf(2) as [TestGate, TestGate]
  await using pim = await startNode([gate, other])
  await using eve = await startReplicaPeer({ isClient: true })
  await using alice = await startReplicaPeer({ isClient: true })
  await connect(eve, pim)
  await connect(alice, pim)
  await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  await eventually('the node follows for Alice', () =>
    subscribersAt(alice, gate.address).includes(pim.network.peerId)
  )
  await using carol = await startReplicaPeer({ isClient: true })
  await connect(carol, pim)
  // Something that Pim tells everybody, to know that what he said before has arrived.
  const open = createTestGate()
  await pim.engine.open(open.manifest)
  for (const stranger of [eve, carol]) {
    await eventually('Pim has spoken', () => subscribersAt(stranger, open.address).length > 0)
    for (const { address } of [gate, other]) expect(subscribersAt(stranger, address)).toEqual([])
  }
  expect(subscribersAt(alice, other.address)).toEqual([])
})

it('a client with many logs and a node settle in one digest when nothing is new', async () => {
  const gates = gatesOf(100)
  await using pim = await startNode(gates, { clock: createImpatientClock() })
  await using alice = await startReplicaPeer({ isClient: true, clock: createImpatientClock() })
  await connect(alice, pim)
  for (const gate of gates) {
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    await log.append(sealText('one'))
  }
  await eventually(
    'the node has it all',
    () => gates.every(({ address }) => pim.held.sizes.get(address)?.entries === 1),
    60_000
  )
  await disconnect(alice, pim)
  const streams = countStreams(alice)
  await connect(alice, pim)
  await eventually('the node follows them again', () =>
    gates.every(({ address }) => subscribersAt(alice, address).includes(pim.network.peerId))
  )
  await eventually('the logs were compared', () => streams('/digest/') > 0)
  expect([streams('/digest/'), streams('/sync/')]).toEqual([1, 0])
})

it('of many logs those that differ are exchanged, and no others', async () => {
  const gates = gatesOf(30)
  await using pim = await startNode(gates, { clock: createImpatientClock() })
  await using alice = await startReplicaPeer({ isClient: true, clock: createImpatientClock() })
  await connect(alice, pim)
  const logs = []
  for (const gate of gates) {
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    await log.append(sealText('one'))
    logs.push(log)
  }
  await eventually('the node has it all', () =>
    gates.every(({ address }) => pim.held.sizes.get(address)?.entries === 1)
  )
  await disconnect(alice, pim)
  for (const log of logs.slice(0, 5)) await log.append(sealText('two'))
  const streams = countStreams(alice)
  await connect(alice, pim)
  await eventually('the node has the new ones', () =>
    gates.slice(0, 5).every(({ address }) => pim.held.sizes.get(address)?.entries === 2)
  )
  expect([streams('/digest/'), streams('/sync/')]).toEqual([1, 5])
})

it('two peers that open a log at the same moment exchange it once, and agree', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer({ clock: createImpatientClock() })
  await using bob = await startReplicaPeer({ clock: createImpatientClock() })
  for (const peer of [alice, bob]) {
    const log = await peer.engine.open(gate.manifest, { writer: gate.admitWriter() })
    for (let count = 0; count < 100; count++) await log.append(sealText(String(count)))
    await log.close()
  }
  await connect(alice, bob)
  const streams = countStreams(alice)
  const logs = await Promise.all([alice.engine.open(gate.manifest), bob.engine.open(gate.manifest)])
  for (const log of logs) await eventuallyHas(log, 200)
  // Each asks when it opens, and may be refused since the other has begun; once more, when it was before the other opened.
  expect(streams('/sync/')).toBeLessThanOrEqual(3)
})

it('a log opened on the other side later is exchanged when it is', async () => {
  const gate = createTestGate()
  await using alice = await startReplicaPeer()
  await using bob = await startReplicaPeer()
  await connect(alice, bob)
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  await ours.append(sealText('early'))
  const startedAt = performance.now()
  const theirs = await bob.engine.open(gate.manifest)
  await eventuallyHas(theirs, 1)
  // Not by the second word, which comes after two seconds.
  expect(performance.now() - startedAt).toBeLessThan(1_900)
})

it('what is written between the exchange and the first gossip arrives all the same', async () => {
  const gate = createTestGate()
  await using pim = await startNode([gate], { clock: createImpatientClock() })
  await using alice = await startReplicaPeer({ isClient: true, clock: createImpatientClock() })
  await connect(alice, pim)
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  for (let count = 0; count < 50; count++) await ours.append(sealText(String(count)))
  await eventually('the node has it all', () => pim.held.sizes.get(gate.address)?.entries === 50)
})

it('a log that the node begins to hold later comes to those who have been waiting for it', async () => {
  const gate = createTestGate()
  await using pim = await startNode([], { clock: createImpatientClock() })
  await using alice = await startReplicaPeer({ isClient: true, clock: createImpatientClock() })
  await using bob = await startReplicaPeer({ isClient: true, clock: createImpatientClock() })
  await connect(alice, pim)
  await connect(bob, pim)
  const theirs = await bob.engine.open(gate.manifest)
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  for (const text of ['one', 'two']) await ours.append(sealText(text))
  pim.held.add(gate.manifest, gate.address)
  await pim.engine.useHeld(gate.address, () =>
    pim.engine.sync(gate.address, {
      peerId: alice.network.peerId,
      signal: AbortSignal.timeout(5_000)
    })
  )
  await eventuallyHas(theirs, 2)
  await ours.append(sealText('three'))
  await eventuallyHas(theirs, 3)
})

it('a peer that comes back gets what it missed, again and again', async () => {
  const gate = createTestGate()
  await using pim = await startNode([gate], { clock: createImpatientClock() })
  await using alice = await startReplicaPeer({ isClient: true, clock: createImpatientClock() })
  await using bob = await startReplicaPeer({ isClient: true, clock: createImpatientClock() })
  const ours = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
  const theirs = await bob.engine.open(gate.manifest)
  await connect(bob, pim)
  for (let round = 1; round <= 3; round++) {
    await ours.append(sealText(`round ${String(round)}`))
    await connect(alice, pim)
    await eventuallyHas(theirs, round)
    await disconnect(alice, pim)
  }
})

it('a held log whose manifest is that of another log is broken, and opens neither', async () => {
  const gate = createTestGate()
  const other = createTestGate()
  await using pim = await startNode([])
  pim.held.add(other.manifest, gate.address)
  await expect(pim.engine.useHeld(gate.address, async (log) => log.address)).rejects.toMatchObject({
    code: 'storage-corrupt'
  })
  expect(pim.held.broken).toEqual([gate.address])
  expect(pim.engine.openCount()).toBe(0)
})
