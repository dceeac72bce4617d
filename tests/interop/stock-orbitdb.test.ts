import type { StockEvents } from '@orbitdb/core'
import { describe, expect, it } from 'vitest'
import { startStockPeer, stockTextsOf } from '#tests/support/interop-stock-peer.ts'
import { createTestGate, createTestWriter, sealText } from '#tests/support/replica-gate.ts'
import {
  connect,
  eventually,
  eventuallyHas,
  startReplicaPeer,
  textsOf
} from '#tests/support/replica-peers.ts'
import type { ReplicaPeer } from '#tests/support/replica-peers.ts'

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name} ${String(index)}`)
}

async function eventuallyReads(log: StockEvents, texts: readonly string[]): Promise<void> {
  await eventually(
    'the stock peer has everything',
    async () => (await stockTextsOf(log)).length === texts.length
  )
  expect(await stockTextsOf(log)).toEqual(texts)
}

/** A stock peer has no way to wait until the other side knows what it subscribed to. */
async function eventuallyMet(peer: ReplicaPeer, log: StockEvents): Promise<void> {
  const { pubsub } = peer.network.libp2p.services
  await eventually(
    'the subscription is known',
    () => pubsub.getSubscribers(String(log.address)).length > 0
  )
}

describe('an unmodified OrbitDB 4 with our access controller and identity', () => {
  it('opens a log by its address, verifies what was there, and goes on reading', async () => {
    await using alice = await startReplicaPeer({ serveStockPeers: true })
    const gate = createTestGate()
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    const texts = numbered('before', 40)
    for (const text of texts) await log.append(sealText(text))

    await using stock = await startStockPeer(gate.admitWriter())
    await stock.connect(alice.address)
    const stockLog = await stock.open(gate.address)
    await eventuallyReads(stockLog, texts)

    await log.append(sealText('live'))
    await eventuallyReads(stockLog, [...texts, 'live'])
  })

  it('reads nothing of the past from a replica that does not serve stock peers, until something new names it', async () => {
    await using alice = await startReplicaPeer()
    const gate = createTestGate()
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    const texts = numbered('before', 10)
    for (const text of texts) await log.append(sealText(text))

    await using stock = await startStockPeer(gate.admitWriter())
    await stock.connect(alice.address)
    const stockLog = await stock.open(gate.address)
    await eventuallyMet(alice, stockLog)
    expect(await stockTextsOf(stockLog)).toEqual([])

    await log.append(sealText('live'))
    await eventuallyReads(stockLog, [...texts, 'live'])
  })

  it('is heard live: what its Events database adds is in our log, and we answer on top of it', async () => {
    await using alice = await startReplicaPeer()
    const gate = createTestGate()
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    const writer = gate.admitWriter()
    await using stock = await startStockPeer(writer)
    await stock.connect(alice.address)
    // The manifest comes from Alice by bitswap: she has it with her first entry.
    await log.append(sealText('hello'))
    const stockLog = await stock.open(gate.address)
    await eventuallyMet(alice, stockLog)
    await log.append(sealText('are you there?'))
    await eventuallyReads(stockLog, ['hello', 'are you there?'])

    const hash = await stockLog.add(sealText('yes'))
    await eventuallyHas(log, 3)
    expect(await log.heads()).toEqual([hash])
    await log.append(sealText('good'))
    await eventuallyReads(stockLog, ['hello', 'are you there?', 'yes', 'good'])
    expect(await textsOf(log)).toEqual(['hello', 'are you there?', 'yes', 'good'])
    const writers: string[] = []
    for await (const entry of log.entries()) writers.push(entry.writer)
    expect(writers[2]).toBe(writer.publicKey)
  })

  it('that wrote while it was alone is caught up with, and what it wrote is passed on to our replicas', async () => {
    await using alice = await startReplicaPeer({ serveStockPeers: true })
    await using bob = await startReplicaPeer()
    const gate = createTestGate()
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    const bobs = await bob.engine.open(gate.manifest)
    await connect(bob, alice)
    await log.append(sealText('first'))
    await using stock = await startStockPeer(gate.admitWriter())
    await stock.connect(alice.address)
    const stockLog = await stock.open(gate.address)
    await eventuallyReads(stockLog, ['first'])

    await stock.disconnect()
    // More than its 16 references span, so that generations have to be fetched.
    const alone = numbered('alone', 60)
    for (const text of alone) await stockLog.add(sealText(text))
    await log.append(sealText('meanwhile'))
    await stock.connect(alice.address)

    await eventuallyHas(log, 62)
    await eventuallyHas(bobs, 62)
    await eventually(
      'the stock peer has what Alice wrote',
      async () => (await stockTextsOf(stockLog)).length === 62
    )
    expect(new Set(await textsOf(bobs))).toEqual(new Set(await stockTextsOf(stockLog)))
    expect(await log.heads()).toHaveLength(2)
  })

  it('gets all heads of a log that forked', async () => {
    await using alice = await startReplicaPeer({ serveStockPeers: true })
    await using bob = await startReplicaPeer()
    await using carol = await startReplicaPeer()
    const gate = createTestGate()
    const logs = await Promise.all(
      [alice, bob, carol].map((peer) =>
        peer.engine.open(gate.manifest, { writer: gate.admitWriter() })
      )
    )
    // Nobody knows of the others yet: three roots.
    for (const [index, log] of logs.entries()) await log.append(sealText(`root ${String(index)}`))
    await connect(bob, alice)
    await connect(carol, alice)
    for (const log of logs) await eventuallyHas(log, 3)

    await using stock = await startStockPeer(gate.admitWriter())
    await stock.connect(alice.address)
    const stockLog = await stock.open(gate.address)
    await eventually(
      'the stock peer has all roots',
      async () => (await stockTextsOf(stockLog)).length === 3
    )
    const hash = await stockLog.add(sealText('merge'))
    for (const log of logs) {
      await eventuallyHas(log, 4)
      expect(await log.heads()).toEqual([hash])
    }
  })

  it('that never ends its heads exchange holds up nobody else', async () => {
    await using alice = await startReplicaPeer({ serveStockPeers: true })
    const gate = createTestGate()
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    const texts = numbered('before', 5)
    for (const text of texts) await log.append(sealText(text))
    await using eve = await startStockPeer(gate.admitWriter())
    await eve.connect(alice.address)
    await eve.holdHeadsStream(gate.address)

    await using stock = await startStockPeer(gate.admitWriter())
    await stock.connect(alice.address)
    const stockLog = await stock.open(gate.address)
    await eventuallyReads(stockLog, texts)
    await stockLog.add(sealText('heard'))
    await eventuallyHas(log, 6)
  })

  it('writes nothing that the rules of the log refuse', async () => {
    await using alice = await startReplicaPeer()
    const gate = createTestGate()
    const log = await alice.engine.open(gate.manifest, { writer: gate.admitWriter() })
    await log.append(sealText('hello'))

    await using stock = await startStockPeer(gate.admitWriter())
    await stock.connect(alice.address)
    const stockLog = await stock.open(gate.address)
    await expect(stockLog.add('not sealed')).rejects.toThrow('not allowed')
    await expect(stockLog.add(new Uint8Array(20_000))).rejects.toThrow('not allowed')

    const other = createTestGate()
    await using eve = await startStockPeer(createTestWriter((key) => other.certify(key)))
    await eve.connect(alice.address)
    const evesLog = await eve.open(gate.address)
    await expect(evesLog.add(sealText('let me in'))).rejects.toThrow('not allowed')
  })
})
