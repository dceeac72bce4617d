import { createHistory } from '#history/create-history.ts'
import { createPinClient } from '#pinning/pin-client.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createBrowserReplica } from '#replica/create-replica.dom.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { createPeerConnectionBudget } from '#replica/network/peer-connection-budget.ts'
import { openIdbStore } from '#replica/storage/idb-store.dom.ts'
import { openDeviceKey } from '#sealing/device-key.dom.ts'
import { stretchInWorker } from '#sealing/stretch.dom.ts'
import { createVaultLock } from '#sealing/vault-lock.ts'
import { createVault } from '#sealing/vault.ts'
import type { AppConfig } from './app-config.ts'
import type { DeadDropClient, StorageView } from './client.ts'
import { createClient, DEFAULT_SETTINGS } from './create-client.ts'
import { createDevice, type Device, type OpenedData } from './device.ts'
import { SELF, settingsKind } from './records.ts'
import { createBrowserWipe } from './wipe.dom.ts'

/**
 * DeadDrop in a page, behind its passphrase if there is one. The caller owns the tab lock (`tab-ownership.dom.ts`) for as
 * long as the device is in use.
 *
 * @param init.appUrl - the page's address without fragment: invite links point there.
 * @throws {DeadDropError} `storage-denied`, `storage-full`, `storage-corrupt`, `data-newer`.
 */
export async function openBrowserDevice(init: BrowserInit): Promise<Device> {
  return createDevice({
    open: () => openData(init),
    wipe: createBrowserWipe(),
    clock: createSystemClock()
  })
}

interface BrowserInit {
  readonly config: AppConfig
  readonly appUrl: string
}

async function openData(init: BrowserInit): Promise<OpenedData> {
  const store = await openIdbStore({ name: 'deaddrop' })
  try {
    const lock = createVaultLock({
      store,
      deviceKey: await openDeviceKey(),
      random,
      stretch: stretchInWorker
    })
    return {
      lock,
      startClient: (dataKey) => startClient(init, store, dataKey),
      close: () => store.close()
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function startClient(
  init: BrowserInit,
  store: KeyValueStore,
  dataKey: CryptoKey
): Promise<DeadDropClient> {
  try {
    const vault = createVault({ key: dataKey, random })
    const history = await createHistory({ store, vault })
    const settings = (await history.record(settingsKind, SELF)) ?? DEFAULT_SETTINGS
    const replica = createBrowserReplica(
      { store, budget: createPeerConnectionBudget({}) },
      { allowDirect: settings.allowDirect, iceServers: init.config.iceServers }
    )
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
        storage: { look: lookAtStorage, requestPersistence },
        async dispose() {
          await (await replica.catch(() => undefined))?.stop()
          await store.close()
        }
      },
      { nodes: init.config.nodes, appUrl: init.appUrl }
    )
  } catch (error) {
    await store.close()
    throw error
  }
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}

/** Private windows and old engines may have no storage manager, or one that refuses: then nothing is known. */
async function lookAtStorage(): Promise<StorageView> {
  try {
    const [isPersistent, estimate] = await Promise.all([
      navigator.storage.persisted(),
      navigator.storage.estimate()
    ])
    return {
      isPersistent,
      usedBytes: estimate.usage ?? null,
      quotaBytes: estimate.quota ?? null
    }
  } catch {
    return { isPersistent: null, usedBytes: null, quotaBytes: null }
  }
}

async function requestPersistence(): Promise<void> {
  try {
    await navigator.storage.persist()
  } catch {
    // Not asked is not refused: the storage settings show what is.
  }
}
