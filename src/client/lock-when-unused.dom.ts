import { createSystemClock } from '#replica/network/clock.ts'
import { createAutoLock } from './auto-lock.ts'
import type { DeadDropClient } from './client.ts'
import type { Device } from './device.ts'

/** Locks `device` by itself, as the user's settings say, while it is open and has a passphrase. @returns ends it. */
export function lockWhenUnused(device: Device): () => void {
  const stopped = new AbortController()
  let unwatch: (() => void) | undefined

  function look(): void {
    const now = device.snapshot()
    const isWanted = now.kind === 'open' && now.hasPassphrase
    if (isWanted) {
      unwatch ??= watch(device, now.client)
    } else {
      unwatch?.()
      unwatch = undefined
    }
  }

  device.addEventListener('change', look, { signal: stopped.signal })
  look()
  return () => {
    stopped.abort()
    unwatch?.()
  }
}

function watch(device: Device, client: DeadDropClient): () => void {
  const stopped = new AbortController()
  const autoLock = createAutoLock({
    clock: createSystemClock(),
    lock: () => {
      device.lock().catch(() => undefined) // without a passphrase by now: nothing to lock
    }
  })
  const options = { signal: stopped.signal, capture: true, passive: true }
  for (const type of ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const) {
    addEventListener(
      type,
      () => {
        autoLock.active()
      },
      options
    )
  }
  document.addEventListener(
    'visibilitychange',
    () => {
      autoLock.setVisible(!document.hidden)
    },
    options
  )
  client.addEventListener(
    'change',
    () => {
      autoLock.setPolicy(client.snapshot().settings.autoLock)
    },
    options
  )
  autoLock.setPolicy(client.snapshot().settings.autoLock)
  autoLock.setVisible(!document.hidden)
  return () => {
    autoLock.stop()
    stopped.abort()
  }
}
