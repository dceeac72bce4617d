import { describe, expect, it, vi } from 'vitest'
import { createPinningNode } from '#pinning-node/create-pinning-node.ts'
import { GRACE_MS } from '#pinning-node/expiry.ts'
import { createLogger } from '#pinning-node/logger.ts'
import type { Quota } from '#pinning-node/quota.ts'
import { createQuota } from '#pinning-node/quota.ts'
import type { PinOutcome } from '#pinning/pin-client.ts'
import type { EntryHash } from '#protocol/brand.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { PinKind } from '#protocol/pin-messages.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createDaemonPlatform } from '#replica/network/libp2p-options.node.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import type { FakeClock } from '#tests/support/network-clock.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'
import { until } from '#tests/support/network-peers.ts'
import type { GatedLog } from '#tests/support/pin-fixtures.ts'
import { gatedLog, sealedText } from '#tests/support/pin-fixtures.ts'
import type { PinningClient } from '#tests/support/pinning-clients.ts'
import { startPinningClient } from '#tests/support/pinning-clients.ts'

// Processes start slowly on a machine that is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const DAY_MS = 86_400_000

/** A real node in this process: its promises run on a clock that the test moves, its network on the real one. */
async function startNode(quota: Quota) {
  const store = createMemoryStore()
  const clock: FakeClock = createFakeClock()
  const replica = await createNodeReplica({ store }, { platform: createDaemonPlatform({}) })
  const events: string[] = []
  const node = await createPinningNode(
    {
      store,
      replica,
      verifier: createSignatureVerifier(),
      clock,
      logger: createLogger({ writeLine: (line) => events.push(line) }, { format: 'text' }),
      freeDiskBytes: async () => 2 ** 40
    },
    { quota, version: '0', http: { host: '127.0.0.1', port: 0 } }
  )
  return {
    ...node,
    store,
    clock,
    events,
    async [Symbol.asyncDispose]() {
      await node.stop()
      await replica.stop()
      await store.close()
    }
  }
}

async function pin(
  client: PinningClient,
  peerId: string,
  log: GatedLog,
  kind: PinKind
): Promise<PinOutcome> {
  const writer = log.admit(1)
  const opened = await client.replica.open(log.manifest, { writer })
  return client.pins.pin(
    {
      peerId,
      manifest: log.manifest,
      kind,
      writer,
      heads: await opened.heads(),
      holdForMs: DAY_MS
    },
    { signal: AbortSignal.timeout(15_000) }
  )
}

async function append(client: PinningClient, log: GatedLog, count: number): Promise<EntryHash[]> {
  const opened = await client.replica.open(log.manifest, { writer: log.admit(1) })
  const hashes: EntryHash[] = []
  for (let i = 0; i < count; i++) {
    hashes.push((await opened.append(sealedText(`${log.manifest.name} ${i}`))).hash)
  }
  return hashes
}

describe('the bounds of a node', () => {
  const wide = createQuota({ maxLogs: 10, maxBytes: 2 ** 30, holdDays: 30 })
  const narrow: Quota = {
    ...wide,
    logs: { ...wide.logs, drop: { maxEntries: 5, maxBytes: 2 ** 20, maxHoldMs: DAY_MS } }
  }

  it('a full drop is refused, keeps what it has, and hurts no other log', async () => {
    await using node = await startNode(narrow)
    await using alice = await startPinningClient(node.multiaddrs)
    const drop = gatedLog(1)
    await append(alice, drop, 5)
    expect(await pin(alice, node.peerId, drop, 'drop')).toMatchObject({
      kind: 'held',
      receipt: { receipt: { entries: 5 } }
    })
    await append(alice, drop, 5)
    const refused = { kind: 'refused', status: 'over-quota' }
    expect(await pin(alice, node.peerId, drop, 'drop')).toEqual(refused)
    expect(await pin(alice, node.peerId, drop, 'conversation')).toEqual(refused)
    // What has no place is not sent again and again.
    const round = { peerId: node.peerId, signal: AbortSignal.timeout(5_000) }
    expect(await alice.replica.sync(drop.address, round)).toMatchObject([
      { kind: 'settled', sent: 0 }
    ])

    await using carol = await startPinningClient(node.multiaddrs)
    const late = await carol.replica.open(drop.manifest)
    await until('the late-comer has what the node kept', async () => {
      await carol.replica.sync(drop.address, {
        peerId: node.peerId,
        signal: AbortSignal.timeout(5_000)
      })
      return late.size().entries === 5
    })

    const conversation = gatedLog(2)
    await append(alice, conversation, 10)
    expect(await pin(alice, node.peerId, conversation, 'conversation')).toMatchObject({
      receipt: { receipt: { entries: 10 } }
    })
  })

  it('deletes a log when its promise and a day have passed, and takes it again when asked', async () => {
    await using node = await startNode(wide)
    await using alice = await startPinningClient(node.multiaddrs)
    const log = gatedLog(1)
    const hashes = await append(alice, log, 3)
    expect((await pin(alice, node.peerId, log, 'conversation')).kind).toBe('held')
    const before = await sizeOfStore(node.store)

    await node.clock.advance(DAY_MS + GRACE_MS + 60_001)
    await until('the node has swept', () => node.events.includes('expired logs=1'))
    const after = await sizeOfStore(node.store)
    expect(after.values).toBeLessThan(before.values - 3)
    expect(after.bytes).toBeLessThan(before.bytes)
    for (const hash of hashes) expect(after.keys.join()).not.toContain(hash)

    expect(await pin(alice, node.peerId, log, 'conversation')).toMatchObject({
      receipt: { receipt: { entries: 3 } }
    })
  })
})

async function sizeOfStore(store: ReturnType<typeof createMemoryStore>) {
  const keys: string[] = []
  let bytes = 0
  for await (const [key, value] of store.entries({ from: '', to: '~' })) {
    keys.push(key)
    bytes += value.byteLength
  }
  return { keys, values: keys.length, bytes }
}
