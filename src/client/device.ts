import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { VaultLock } from '#sealing/vault-lock.ts'
import type { DeadDropClient } from './client.ts'
import { createSerial } from './serial.ts'

/** What this device shows: the unlock screen, the app, or that everything is being or has been deleted. */
export type DeviceSnapshot =
  | { readonly kind: 'locked' }
  | { readonly kind: 'open'; readonly client: DeadDropClient; readonly hasPassphrase: boolean }
  | { readonly kind: 'wiping'; readonly hasFailed: boolean }
  | { readonly kind: 'wiped' }

/** The data of one user on this device, behind its passphrase. */
export interface Device {
  snapshot(): DeviceSnapshot
  addEventListener(type: 'change', listener: () => void, options?: { signal?: AbortSignal }): void
  /**
   * Opens what is locked; nothing to do when it is open. A wrong passphrase is answered late, and may be tried again for ever.
   *
   * @throws {DeadDropError} `passphrase-wrong`, and what opening throws.
   */
  unlock(passphrase: string): Promise<void>
  /**
   * Stops the client and lets go of every key and text in memory.
   *
   * @throws {DeadDropError} `passphrase-missing` when there is none: it would open by itself.
   */
  lock(): Promise<void>
  /** Sets, changes or removes the passphrase; see {@link VaultLock.change}. @throws as there, and `locked`. */
  setPassphrase(change: {
    readonly current: string | null
    readonly next: string | null
  }): Promise<void>
  /**
   * Deletes everything that DeadDrop has stored on this device. Cannot be undone. Goes on at the next start when it was
   * interrupted; may be called again when it failed.
   *
   * @throws {DeadDropError} `storage-denied` when something cannot be deleted.
   */
  wipe(): Promise<void>
  /** Stops the client and closes the store, without locking or deleting anything. */
  stop(): Promise<void>
}

/** Storage that is open, with its lock. */
export interface OpenedData {
  readonly lock: VaultLock
  /** Takes over the store: the client's `stop` closes it, and so does a failure. */
  startClient(dataKey: CryptoKey): Promise<DeadDropClient>
  close(): Promise<void>
}

export interface Wipe {
  /** Whether one was begun and not finished. */
  isBegun(): Promise<boolean>
  /** Leaves a mark on the disk, so that the next start finishes it. */
  begin(): Promise<void>
  /** Deletes everything, the mark last. Nothing may be open. */
  finish(): Promise<void>
}

export interface DeviceComponents {
  readonly open: () => Promise<OpenedData>
  readonly wipe: Wipe
  readonly clock: Clock
}

/** How long a wrong passphrase waits for its answer. Somebody at the keyboard tries slower; nobody is ever locked out. */
const WRONG_DELAY_MS = 1_000
/** A client that hangs must not hold a wipe up for longer. */
const STOP_TIMEOUT_MS = 5_000

/** Finishes a wipe that was interrupted, then opens what has no passphrase. */
export async function createDevice(
  { open, wipe, clock }: DeviceComponents,
  init: { readonly passphrase?: string } = {}
): Promise<Device> {
  // Lives longer than its clients, so it must let go of listeners that were aborted: TypedEventEmitter keeps them.
  const events = new EventTarget()
  const inTurn = createSerial()
  if (await wipe.isBegun()) await wipe.finish()
  let data: OpenedData | undefined = await open()
  let state: DeviceSnapshot = { kind: 'locked' }
  try {
    const hasPassphrase = await data.lock.hasPassphrase()
    if (!hasPassphrase || init.passphrase !== undefined) {
      state = await start(hasPassphrase ? (init.passphrase ?? null) : null)
    }
  } catch (error) {
    await closeUnlessTaken()
    throw error
  }

  async function closeUnlessTaken(): Promise<void> {
    await data?.close()
  }

  function become(next: DeviceSnapshot): void {
    state = next
    events.dispatchEvent(new Event('change'))
  }

  function isLocked(): boolean {
    return state.kind === 'locked'
  }

  async function start(passphrase: string | null): Promise<DeviceSnapshot> {
    data ??= await open()
    const opened = data
    const dataKey = await opened.lock.open(passphrase)
    try {
      const client = await opened.startClient(dataKey)
      return { kind: 'open', client, hasPassphrase: passphrase !== null }
    } catch (error) {
      data = undefined // closed with the client that could not start
      throw error
    }
  }

  /** Resolves when `work` has ended, well or badly, or has taken too long. */
  async function forAWhile(work: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const done = (): void => {
      resolve(undefined)
    }
    const cancel = clock.after(STOP_TIMEOUT_MS, done)
    work().then(done, done)
    await promise
    cancel()
  }

  async function close(): Promise<void> {
    if (state.kind === 'open') await state.client.stop()
    else await data?.close()
    data = undefined
  }

  return {
    snapshot: () => state,

    addEventListener(type, listener, options) {
      events.addEventListener(type, listener, options)
    },

    unlock: (passphrase) =>
      inTurn.run(async () => {
        if (state.kind === 'open') return
        if (state.kind !== 'locked') throw new DeadDropError('stopped', 'everything is deleted')
        try {
          const opened = await start(passphrase)
          // A wipe waits for nobody for long.
          if (isLocked()) become(opened)
          else if (opened.kind === 'open') await opened.client.stop()
        } catch (error) {
          if (isDeadDropError(error) && error.code === 'passphrase-wrong') {
            await new Promise<void>((resolve) => clock.after(WRONG_DELAY_MS, resolve))
          }
          throw error
        }
      }),

    lock: () =>
      inTurn.run(async () => {
        if (state.kind !== 'open') return
        if (!state.hasPassphrase)
          throw new DeadDropError('passphrase-missing', 'no passphrase is set')
        const { client } = state
        become({ kind: 'locked' })
        await client.stop()
        data = undefined
      }),

    setPassphrase: (change) =>
      inTurn.run(async () => {
        if (state.kind !== 'open' || data === undefined)
          throw new DeadDropError('locked', 'data is locked by a passphrase')
        try {
          await data.lock.change(change)
        } finally {
          // A write that failed may have reached the disk all the same.
          const hasPassphrase = await data.lock.hasPassphrase().catch(() => undefined)
          if (hasPassphrase !== undefined) become({ ...state, hasPassphrase })
        }
      }),

    async wipe() {
      const before = state
      if (before.kind === 'wiped') return
      become({ kind: 'wiping', hasFailed: false })
      // Deleting must not depend on the mark: a full disk may refuse it.
      await wipe.begin().catch(() => undefined)
      await forAWhile(async () => {
        if (before.kind === 'open') return before.client.stop()
        await inTurn.idle()
        await data?.close()
      })
      data = undefined
      try {
        await wipe.finish()
      } catch (error) {
        become({ kind: 'wiping', hasFailed: true })
        throw error
      }
      become({ kind: 'wiped' })
    },

    stop: () => inTurn.run(close)
  }
}
