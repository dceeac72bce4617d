import '@fontsource-variable/inter/wght.css'
import './styles/tokens.css'
import './styles/base.css'
import { createApp } from 'vue'
import type { App, Component } from 'vue'
import type { DeadDropClient } from '#client/client.ts'
import type { Device, DeviceSnapshot } from '#client/device.ts'
import AppRoot from './AppRoot.vue'
import type { ErrorCode } from './client-types.ts'
import { APP_CONTEXT } from './composables/useClient.ts'
import { DEVICE_CONTEXT } from './composables/useDevice.ts'
import { chooseLanguage, createTranslations } from './i18n/i18n.ts'
import { createAppRouter } from './router.ts'
import FailureScreen from './views/FailureScreen.vue'
import OtherTabScreen from './views/OtherTabScreen.vue'
import UnlockScreen from './views/UnlockScreen.vue'
import WipeScreen from './views/WipeScreen.vue'

/** Something shown in the page. Mount the next one after {@link unmount}. */
export interface MountedScreen {
  /** Takes it out of the page. May be called twice. */
  unmount(): void
}

/**
 * Shows DeadDrop: the app, the unlock screen, or that everything is deleted, as the device goes from one to the other.
 *
 * @param options.baseUrl - address of the app without fragment; invite links begin with it.
 * @param options.onRestart - the user wants to begin anew after everything was deleted.
 */
export function mountDevice(
  device: Device,
  options: {
    readonly element: Element
    readonly baseUrl: string
    readonly onRestart: () => void
  }
): MountedScreen {
  const { element, baseUrl, onRestart } = options
  const unmounted = new AbortController()
  let shown: DeviceSnapshot | undefined
  let screen: MountedScreen | undefined

  function show(): void {
    const next = device.snapshot()
    if (shown !== undefined && isSameScreen(shown, next)) return
    shown = next
    screen?.unmount()
    screen = mount(screenOf(next), element)
  }

  function screenOf(snapshot: DeviceSnapshot): App {
    switch (snapshot.kind) {
      case 'open':
        return appOf(snapshot.client, baseUrl).provide(DEVICE_CONTEXT, device)
      case 'locked':
        return bareScreen(UnlockScreen, {}).provide(DEVICE_CONTEXT, device)
      case 'wiping':
      case 'wiped':
        return bareScreen(WipeScreen, { onRestart }).provide(DEVICE_CONTEXT, device)
    }
  }

  device.addEventListener('change', show, { signal: unmounted.signal })
  show()
  return {
    unmount() {
      unmounted.abort()
      screen?.unmount()
    }
  }
}

function isSameScreen(a: DeviceSnapshot, b: DeviceSnapshot): boolean {
  if (a.kind === 'open' && b.kind === 'open') return a.client === b.client
  const isWiped = (snapshot: DeviceSnapshot): boolean =>
    snapshot.kind === 'wiping' || snapshot.kind === 'wiped'
  return a.kind === b.kind || (isWiped(a) && isWiped(b))
}

function appOf(client: DeadDropClient, baseUrl: string): App {
  const router = createAppRouter()
  const app = createScreen(AppRoot, {}).use(router).provide(APP_CONTEXT, { client, baseUrl })
  // Its listeners on the window outlive the app, and would keep everything that was shown in memory while it is locked.
  app.onUnmount(() => {
    router.options.history.destroy()
  })
  return app
}

/** A screen that must not show how many messages wait. */
function bareScreen(root: Component, props: Readonly<Record<string, unknown>>): App {
  const app = createScreen(root, props)
  document.title = 'DeadDrop'
  return app
}

/** Shows why no client could be started. `onRetry` follows the user's click. */
export function mountFailure(
  element: Element,
  code: ErrorCode,
  handlers: { readonly onRetry: () => void }
): MountedScreen {
  return mount(createScreen(FailureScreen, { code, onRetry: handlers.onRetry }), element)
}

/** Shows that another tab owns the network. `onUseHere` follows the user's click. */
export function mountOtherTab(
  element: Element,
  handlers: { readonly onUseHere: () => void }
): MountedScreen {
  return mount(createScreen(OtherTabScreen, { onUseHere: handlers.onUseHere }), element)
}

function createScreen(root: Component, props: Readonly<Record<string, unknown>>): App {
  const language = chooseLanguage(navigator.languages)
  document.documentElement.lang = language
  return createApp(root, props).use(createTranslations(language))
}

function mount(app: App, element: Element): MountedScreen {
  let isMounted = true
  app.mount(element)
  return {
    unmount() {
      if (!isMounted) return
      isMounted = false
      app.unmount()
    }
  }
}
