import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createHistory } from '#history/create-history.ts'
import { createPinClient } from '#pinning/pin-client.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { createClientPlatform } from '#replica/network/libp2p-options.node.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { openDeviceKey } from '#sealing/device-key.node.ts'
import { stretchByArgon2id } from '#sealing/stretch.ts'
import { createVaultLock } from '#sealing/vault-lock.ts'
import { createVault } from '#sealing/vault.ts'
import type { DeadDropClient } from './client.ts'
import { createClient } from './create-client.ts'
import { createDevice, type Device, type OpenedData } from './device.ts'
import { createNodeSet } from './node-set.ts'
import type { SegmentPolicy } from './segment-keeper.ts'
import { createFolderWipe } from './wipe.node.ts'

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
 * DeadDrop in Node: the client of the web app on Level and plain WebSockets, behind its passphrase if there is one.
 *
 * @param init.passphrase - opens at once when there is one to be given; ignored otherwise.
 * @throws {DeadDropError} `data-in-use` when another process has the folder, `storage-denied`, `storage-full`,
 *   `storage-corrupt`, `data-newer`, `node-address-malformed`, `passphrase-wrong`.
 */
export async function openNodeDevice(
  init: NodeClientInit & { readonly passphrase?: string }
): Promise<Device> {
  const nodes = createNodeSet([], { added: [], removed: [] })
  for (const node of init.nodes) nodes.add(node)
  return createDevice(
    {
      open: () => openData(init, nodes.union([])),
      wipe: createFolderWipe(init.dataDir),
      clock: createSystemClock()
    },
    init.passphrase === undefined ? {} : { passphrase: init.passphrase }
  )
}

async function openData(init: NodeClientInit, nodes: readonly string[]): Promise<OpenedData> {
  const directory = await makeFolder(init.dataDir)
  const store = await openLevelStore({ directory: join(directory, 'store') })
  try {
    const deviceKey = await openDeviceKey(directory)
    const lock = createVaultLock({ store, deviceKey, random, stretch: stretchByArgon2id })
    return {
      lock,
      startClient: (dataKey) => startClient(init, nodes, store, dataKey),
      close: () => store.close()
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function startClient(
  init: NodeClientInit,
  nodes: readonly string[],
  store: KeyValueStore,
  dataKey: CryptoKey
): Promise<DeadDropClient> {
  try {
    const vault = createVault({ key: dataKey, random })
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
        clock: createSystemClock(),
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
      { nodes, appUrl: init.appUrl, segments: init.segments ?? {} }
    )
  } catch (error) {
    await store.close()
    throw error
  }
}

function random(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length))
}

async function makeFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    return path
  } catch (cause) {
    throw new DeadDropError('storage-denied', 'data folder cannot be made', { cause })
  }
}
