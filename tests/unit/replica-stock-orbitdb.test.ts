import { Entry, Log } from '@orbitdb/core/src/oplog/index.js'
import type { OplogEntry, OplogStorage } from '@orbitdb/core/src/oplog/index.js'
import { CID } from 'multiformats/cid'
import * as dagCbor from '@ipld/dag-cbor'
import { hexToBytes } from '@noble/hashes/utils.js'
import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { StoreBlockstore } from '#replica/storage/store-blockstore.ts'
import { createTestGate, sealText } from '#tests/support/replica-gate.ts'

/** As `MemoryStorage` of OrbitDB, with blocks taken from a block store that stands for the network. */
function stockStorage(blocks?: StoreBlockstore): OplogStorage {
  const values = new Map<string, unknown>()
  return {
    async put(key, value) {
      values.set(key, value)
    },
    async get(key) {
      if (values.has(key) || blocks === undefined) return values.get(key)
      for await (const bytes of blocks.get(CID.parse(key))) return bytes
      return undefined
    },
    async del(key) {
      values.delete(key)
    },
    async *iterator() {
      yield* values
    },
    async merge() {},
    async clear() {},
    async close() {}
  }
}

it('an unmodified OrbitDB log verifies and joins ours from its manifest address and blocks', async () => {
  const gate = createTestGate()
  const store = createMemoryStore()
  const verifier = createSignatureVerifier()
  const ours = await openOrbitLog(
    {
      store,
      verifier,
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    gate.manifest
  )
  ours.grant({ writer: gate.admitWriter() })
  for (const text of ['one', 'two', 'three']) await ours.append(sealText(text))

  const blocks = new StoreBlockstore(store)
  const manifestHash = gate.address.slice('/orbitdb/'.length)
  for await (const bytes of blocks.get(CID.parse(manifestHash))) {
    expect(dagCbor.decode(bytes)).toEqual({
      name: gate.manifest.name,
      type: 'events',
      accessController: `/deaddrop-gate/${gate.manifest.gatePublicKey}`
    })
  }

  const stock = await Log(
    {
      publicKey: '00'.repeat(32),
      hash: 'reader',
      sign: async () => {
        throw new Error('a reader does not sign')
      },
      verify: (signature, publicKey, bytes) =>
        verifier.verify(hexToBytes(signature), hexToBytes(publicKey), bytes)
    },
    {
      logId: gate.address,
      access: { canAppend: async () => true },
      entryStorage: stockStorage(blocks),
      headsStorage: stockStorage(),
      indexStorage: stockStorage()
    }
  )
  const [headBytes] = await ours.headBlocks(1)
  if (headBytes === undefined) throw new Error('the log has no head')
  expect(await stock.joinEntry(await Entry.decode(headBytes))).toBe(true)
  const values: unknown[] = []
  for (const { payload } of await allOf(stock)) values.push(payload)
  expect(values).toEqual(
    ['one', 'two', 'three'].map((text) => ({ op: 'ADD', key: null, value: sealText(text) }))
  )
})

async function allOf(log: Awaited<ReturnType<typeof Log>>): Promise<OplogEntry[]> {
  const found: OplogEntry[] = []
  for await (const entry of log.iterator()) found.unshift(entry)
  return found
}
