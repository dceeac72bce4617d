import { join } from 'node:path'
import { build } from 'vite'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { correctWebrtcInitRace } from '#replica/network/webrtc-init-race.vite.ts'
import { launchBrowser, serveApp, withTempDir } from '#tests/support/browser.ts'
import type {} from './page/main.ts'
import { createRemotePeer } from './peer.ts'
import type { BenchPeer, ContenderName } from './peer.ts'

/** What peers in browsers need: a page to open, and a node to meet through. */
export interface PageHost extends AsyncDisposable {
  readonly url: string
  /** WebSocket address of a pinning node. */
  readonly relay: string
}

/** Builds the page of `page/`, serves it, and starts a pinning node. */
export async function startPageHost(): Promise<PageHost> {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await withTempDir('deaddrop-bench-'))
  const directory = join(path, 'page')
  await build({
    configFile: false,
    root: join(import.meta.dirname, 'page'),
    cacheDir: join(path, 'cache'),
    logLevel: 'error',
    // A defect of @libp2p/webrtc that would cost either side a connection now and then.
    plugins: [correctWebrtcInitRace()],
    build: { outDir: directory, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 4_000 }
  })
  const node = stack.use(await spawnPinningNode({ dataDir: join(path, 'node') }))
  const relay = node.multiaddrs.find((text) => text.includes('/ws'))
  if (relay === undefined) throw new Error('pinning node has no WebSocket address')
  const app = stack.use(await serveApp({ config: { nodes: [], iceServers: [] }, directory }))
  const kept = stack.move()
  return { url: app.url, relay, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

export interface PagePeer extends BenchPeer, AsyncDisposable {
  /** Longest task of the page's main thread since the last call, ms; 0 where none took 50 ms. */
  takeLongestTask(): Promise<number>
}

/**
 * Starts a peer in a browser of its own, on a fresh profile. Disposing closes the browser and removes the profile.
 *
 * @param options.profile - works on this profile instead, and leaves it.
 * @param options.signal - fails every call that waits.
 */
export async function openPagePeer(
  host: PageHost,
  contender: ContenderName,
  options: { readonly signal: AbortSignal; readonly profile?: string }
): Promise<PagePeer> {
  const { signal } = options
  signal.throwIfAborted()
  await using stack = new AsyncDisposableStack()
  const userDataDir = options.profile ?? stack.use(await withTempDir('deaddrop-bench-')).path
  const { page } = stack.use(await launchBrowser({ userDataDir }))
  // A closed page fails its calls, which may otherwise wait for ever.
  const close = (): void => void page.close()
  signal.addEventListener('abort', close)
  stack.defer(() => {
    signal.removeEventListener('abort', close)
  })
  await page.goto(host.url)
  await page.waitForFunction(() => 'benchPage' in window)
  await page.evaluate((init) => window.benchPage.start(init), { contender, relay: host.relay })
  const peer = createRemotePeer((method, args) =>
    page.evaluate(([name, values]) => window.benchPage.call(name, values), [method, args] as const)
  )
  const kept = stack.move()
  return {
    ...peer,
    takeLongestTask: () => page.evaluate(() => window.benchPage.takeLongestTask()),
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}
