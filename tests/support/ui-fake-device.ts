import type { DeadDropClient } from '#client/client.ts'
import type { Device, DeviceSnapshot } from '#client/device.ts'
import { DeadDropError } from '#protocol/errors.ts'

/** {@link Device} for components: the passphrase is compared, nothing is sealed. */
export function createFakeDevice(
  client: DeadDropClient,
  init: { readonly passphrase?: string; readonly isLocked?: boolean } = {}
): Device {
  const target = new EventTarget()
  let passphrase = init.passphrase ?? null
  let state: DeviceSnapshot =
    init.isLocked === true
      ? { kind: 'locked' }
      : { kind: 'open', client, hasPassphrase: passphrase !== null }

  function become(next: DeviceSnapshot): void {
    state = next
    target.dispatchEvent(new Event('change'))
  }

  return {
    snapshot: () => state,
    addEventListener(type, listener, options) {
      target.addEventListener(type, listener, options)
    },
    async unlock(given) {
      if (given !== passphrase) throw new DeadDropError('passphrase-wrong', 'wrong')
      become({ kind: 'open', client, hasPassphrase: true })
    },
    async lock() {
      become({ kind: 'locked' })
    },
    async setPassphrase({ current, next }) {
      if (next !== null && next.length < 8)
        throw new DeadDropError('passphrase-too-short', 'too short')
      if (current !== passphrase) throw new DeadDropError('passphrase-wrong', 'wrong')
      passphrase = next
      become({ kind: 'open', client, hasPassphrase: next !== null })
    },
    async wipe() {
      become({ kind: 'wiping', hasFailed: false })
      become({ kind: 'wiped' })
    },
    async stop() {
      await client.stop()
    }
  }
}
