import { join } from 'node:path'
import { openRegistry } from '#pinning-node/registry.ts'
import type { SealedBytes } from '#protocol/brand.ts'
import { createLogManifest, logAddressOf } from '#protocol/log-manifest.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createClientPlatform } from '#replica/network/libp2p-options.node.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { createLogWriter, gatePublicKeyOf } from '#sealing/gate.ts'
import { encodeToken } from './contender.ts'

const PARALLEL_LOGS = 16
const HOLD_MS = 30 * 86_400_000
const NAME_BYTES = 24
const SEED_BYTES = 32

/** One of the logs, for a peer that catches up with it. */
export interface HeldLog {
  readonly token: string
  readonly head: string
}

/**
 * Fills the data folder of a pinning node that does not run: what its replica and its registry write when logs are
 * pinned and synced, by the same code, without the minutes that the network would take.
 *
 * @returns the log in the middle.
 */
export async function prepareHeldLogs(init: {
  readonly dataDir: string
  readonly logs: number
  readonly entriesEach: number
  readonly payloadBytes: number
  readonly signal: AbortSignal
}): Promise<HeldLog> {
  const { dataDir, logs, entriesEach, payloadBytes, signal } = init
  await using stack = new AsyncDisposableStack()
  const store = await openLevelStore({ directory: join(dataDir, 'store') })
  stack.defer(() => store.close())
  const replica = await createNodeReplica({ store }, { platform: createClientPlatform({}) })
  stack.defer(() => replica.stop())
  const registry = await openRegistry(store)
  // One gate for all: making keys is not what takes a node's time.
  const gateSeed = randomBytes(SEED_BYTES)
  const gatePublicKey = gatePublicKeyOf(gateSeed)
  const writerSeed = randomBytes(SEED_BYTES)
  const middle = Math.floor(logs / 2)
  let sample: HeldLog | undefined

  async function prepare(index: number): Promise<void> {
    const manifest = createLogManifest(randomBytes(NAME_BYTES), gatePublicKey)
    const address = logAddressOf(manifest)
    const writer = createLogWriter({ gateSeed, address, writerSeed })
    const log = await replica.open(manifest, { writer })
    let head = ''
    for (let entry = 0; entry < entriesEach; entry++) {
      const sealed = randomBytes(payloadBytes) as SealedBytes // the log is blind: any bytes will do
      head = (await log.append(sealed)).hash
    }
    const nowMs = Date.now()
    await registry.put(
      {
        address,
        manifest,
        kind: 'conversation',
        createdAtMs: nowMs,
        lastRequestAtMs: nowMs,
        heldUntilMs: nowMs + HOLD_MS
      },
      [],
      { isDurable: false }
    )
    await log.close()
    if (index === middle) sample = { token: encodeToken(manifest, gateSeed), head }
  }

  const indexes = Array.from({ length: logs }, (_, index) => index).values()
  await Promise.all(
    Array.from({ length: PARALLEL_LOGS }, async () => {
      for (const index of indexes) {
        signal.throwIfAborted()
        await prepare(index)
      }
    })
  )
  if (sample === undefined) throw new Error('no log was prepared')
  return sample
}

function randomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length))
}
