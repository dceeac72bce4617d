import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createHistory } from '#history/create-history.ts'
import { createPinClient } from '#pinning/pin-client.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { createClientPlatform } from '#replica/network/libp2p-options.node.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { openDeviceKey } from '#sealing/device-key.node.ts'
import { createVault } from '#sealing/vault.ts'
import { createNodeSet } from './node-set.ts'
import type { DeadDropClient } from './client.ts'
import { createClient } from './create-client.ts'
import type { SegmentPolicy } from './segment-keeper.ts'

export interface NodeClientInit {
  /** Folder of one user; made when missing. One process at a time. */
  readonly dataDir: string
  /** Multiaddrs of pinning nodes. */
  readonly nodes: readonly string[]
  /** Web app that invite links point to. */
  readonly appUrl: string
  /** As in `ClientInit`. */
  readonly segments?: Partial<SegmentPolicy>
}

/**
 * DeadDrop in Node: the client of the web app on Level and plain WebSockets.
 *
 * @throws {DeadDropError} `data-in-use` when another process has the folder, `storage-denied`, `storage-full`,
 *   `storage-corrupt`, `data-newer`, `node-address-malformed`.
 */
export async function openNodeClient(init: NodeClientInit): Promise<DeadDropClient> {
  const nodes = createNodeSet([], { added: [], removed: [] })
  for (const node of init.nodes) nodes.add(node)
  const directory = await makeFolder(init.dataDir)
  const store = await openLevelStore({ directory: join(directory, 'store') })
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
  const clock = createSystemClock()
  try {
    const vault = createVault({ key: await openDeviceKey(directory), random })
    const history = await createHistory({ store, vault })
    const replica = createNodeReplica({ store }, { platform: createClientPlatform({}) })
    replica.catch(() => undefined) // the client tells it as a problem
    return await createClient(
      {
        history,
        replica,
        pinClient: (started) =>
          createPinClient({
            replica: started,
            verifier: createSignatureVerifier(),
            randomBytes: random
          }),
        clock,
        randomBytes: random,
        random: Math.random,
        storage: {
          look: async () => ({ isPersistent: true, usedBytes: null, quotaBytes: null }),
          requestPersistence: async () => undefined
        },
        async dispose() {
          await (await replica.catch(() => undefined))?.stop()
          await store.close()
        }
      },
      { nodes: nodes.union([]), appUrl: init.appUrl, segments: init.segments ?? {} }
    )
  } catch (error) {
    await store.close()
    throw error
  }
}

async function makeFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    return path
  } catch (cause) {
    throw new DeadDropError('storage-denied', 'data folder cannot be made', { cause })
  }
}
