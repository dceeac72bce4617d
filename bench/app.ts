import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { buildApp } from '#tests/support/build-app.ts'

/** The web app as a host serves it, with a pinning node configured. */
export interface RunningApp extends AsyncDisposable {
  readonly url: string
  /** Folder of the built files. */
  readonly directory: string
}

/** Builds the app as `npm run build` does, into a folder that goes with it. */
export async function startApp(): Promise<RunningApp> {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await withTempDir('deaddrop-bench-'))
  const directory = join(path, 'app')
  await buildApp(directory)
  const node = stack.use(await spawnPinningNode({ dataDir: join(path, 'node') }))
  const app = stack.use(
    await serveApp({ config: { nodes: node.multiaddrs, iceServers: [] }, directory })
  )
  const kept = stack.move()
  return { url: app.url, directory, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** What a page shows when it can be used. */
export type Screen =
  /** The text box `Your name` of somebody new. */
  | 'first-run'
  /** The list of conversations of somebody who was here before. */
  | 'conversations'

declare global {
  interface Window {
    /** Time since navigation began at which the page could be used, ms; set by {@link openApp}. */
    usableAtMs?: number
  }
}

/**
 * Opens the app and takes the time from the start of navigation until a frame with `screen` was painted.
 *
 * @param page - fresh: no app was opened in it.
 */
export async function openApp(page: Page, url: string, screen: Screen): Promise<number> {
  await page.addInitScript(watchFor, screen)
  await page.goto(url)
  const usableAt = await page.waitForFunction(() => window.usableAtMs)
  const ms = await usableAt.jsonValue()
  if (ms === undefined) throw new Error('the page did not say when it could be used')
  return ms
}

/** Runs in the page before the app. */
function watchFor(screen: Screen): void {
  const isThere = (): boolean => {
    const elements =
      screen === 'first-run'
        ? [...document.querySelectorAll('input')].filter(({ labels }) =>
            [...(labels ?? [])].some(({ textContent }) => textContent.trim() === 'Your name')
          )
        : [...document.querySelectorAll('nav[aria-label="Conversations"]')]
    return elements.length > 0
  }
  const look = (): void => {
    if (!isThere()) {
      requestAnimationFrame(look)
      return
    }
    // The frame with it is painted when the one after it begins.
    requestAnimationFrame(() => (window.usableAtMs = performance.now()))
  }
  requestAnimationFrame(look)
}
