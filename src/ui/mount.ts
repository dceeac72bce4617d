import '@fontsource-variable/inter/wght.css'
import './styles/tokens.css'
import './styles/base.css'
import { createApp } from 'vue'
import type { App, Component } from 'vue'
import type { DeadDropClient } from '#client/client.ts'
import AppRoot from './AppRoot.vue'
import type { ErrorCode } from './client-types.ts'
import { APP_CONTEXT } from './composables/useClient.ts'
import { chooseLanguage, createTranslations } from './i18n/i18n.ts'
import { createAppRouter } from './router.ts'
import FailureScreen from './views/FailureScreen.vue'
import OtherTabScreen from './views/OtherTabScreen.vue'

/** Something shown in the page. Mount the next one after {@link unmount}. */
export interface MountedScreen {
  /** Takes it out of the page. May be called twice. */
  unmount(): void
}

/**
 * Shows DeadDrop.
 *
 * @param options.baseUrl - address of the app without fragment; invite links begin with it.
 */
export function mountApp(
  client: DeadDropClient,
  options: { readonly element: Element; readonly baseUrl: string }
): MountedScreen {
  const app = createScreen(AppRoot, {})
  app.use(createAppRouter())
  app.provide(APP_CONTEXT, { client, baseUrl: options.baseUrl })
  return mount(app, options.element)
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
