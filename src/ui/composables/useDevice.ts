import { inject, onScopeDispose, readonly, shallowRef } from 'vue'
import type { InjectionKey } from 'vue'
import type { Device } from '#client/device.ts'
import { useTask } from './useTask.ts'

export const DEVICE_CONTEXT: InjectionKey<Device> = Symbol('device')

/** What the lock of this device is at, and what the user can do with it. Works on the unlock screen too. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types
export function useDevice() {
  const device = inject(DEVICE_CONTEXT)
  if (device === undefined) throw new Error('no device is provided above this component')
  const snapshot = shallowRef(device.snapshot())
  const disposed = new AbortController()
  device.addEventListener(
    'change',
    () => {
      snapshot.value = device.snapshot()
    },
    { signal: disposed.signal }
  )
  onScopeDispose(() => {
    disposed.abort()
  })
  return {
    snapshot: readonly(snapshot),
    unlocking: useTask(async (passphrase: string) => {
      await device.unlock(passphrase)
      return true
    }),
    locking: useTask(async () => device.lock()),
    changing: useTask(async (change: Parameters<Device['setPassphrase']>[0]) => {
      await device.setPassphrase(change)
      return true
    }),
    wiping: useTask(async () => device.wipe())
  }
}
