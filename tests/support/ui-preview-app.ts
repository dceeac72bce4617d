import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import type { BrowserContext, Page } from 'playwright-core'
import { preview } from 'vite'
import { launchBrowser } from './browser.ts'
import { withTempDir } from './temp-dir.ts'

const ROOT = join(import.meta.dirname, '../..')
const CONFIG = join(import.meta.dirname, 'ui-preview/vite.config.ts')

/** A state of the interface, see `ui-preview/preview.ts`. */
export type Scene =
  | 'full'
  | 'long'
  | 'empty'
  | 'first-run'
  | 'problems'
  | 'failure'
  | 'other-tab'
  | 'locked'
  | 'passphrase'
  | 'namesakes'

export interface UiPreview extends AsyncDisposable {
  /** Opens a scene in a fresh tab. */
  open(
    scene: Scene,
    options?: {
      readonly hash?: string
      readonly width?: number
      readonly height?: number
      readonly scheme?: 'light' | 'dark'
    }
  ): Promise<Page>
  /** What the console complained about since the last call: refused by the CSP, thrown, or warned of by Vue. */
  complaints(): readonly string[]
}

/** The interface with a client in memory, built as for production and served with a strict CSP, in a real browser. */
export async function openUiPreview(): Promise<UiPreview> {
  await using resources = new AsyncDisposableStack()
  const dist = resources.use(await withTempDir())
  await build(dist.path)
  const server = await preview({
    configFile: CONFIG,
    logLevel: 'error',
    build: { outDir: dist.path },
    preview: { host: '127.0.0.1', port: 0 }
  })
  resources.defer(() => server.close())
  const url = server.resolvedUrls?.local[0]
  if (url === undefined) throw new Error('the preview has no address')
  const profile = resources.use(await withTempDir())
  const browser = resources.use(await launchBrowser({ userDataDir: profile.path }))
  const complaints: string[] = []
  watchConsole(browser.context, complaints)
  const kept = resources.move()

  return {
    async open(scene, options = {}) {
      const page = await browser.context.newPage()
      await page.emulateMedia({ colorScheme: options.scheme ?? 'light', reducedMotion: 'reduce' })
      await page.setViewportSize({ width: options.width ?? 1280, height: options.height ?? 800 })
      await page.goto(`${url}?scene=${scene}${options.hash ?? '#/'}`)
      await page.locator('#app > *').first().waitFor()
      return page
    },
    complaints: () => complaints.splice(0),
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}

function watchConsole(context: BrowserContext, complaints: string[]): void {
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  context.on('weberror', (thrown) => complaints.push(String(thrown.error())))
}

/** In a child, because this process has NODE_ENV=test, which would build the development version of Vue. */
async function build(outDir: string): Promise<void> {
  const env = { ...process.env }
  delete env['NODE_ENV']
  delete env['VITEST']
  const vite = join(ROOT, 'node_modules/vite/bin/vite.js')
  const argv = [vite, 'build', '--config', CONFIG, '--outDir', outDir, '--emptyOutDir']
  const child = spawn(process.execPath, argv, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  await once(child, 'close')
  if (child.exitCode !== 0) throw new Error(`vite build failed:\n${output}`)
}
