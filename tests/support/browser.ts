import { execFile } from 'node:child_process'
import { readlink } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import type { BrowserContext, Page } from 'playwright-core'
import { ensureChromium } from './ensure-chromium.ts'

export { serveApp } from './serve-app.ts'
export { withTempDir } from './temp-dir.ts'

/** Longest time in which the processes of a killed browser must be gone, ms. */
const KILL_TIMEOUT_MS = 10_000

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

/** One Chromium process with one profile: one person. Disposing closes it. */
export interface BrowserProfile extends AsyncDisposable {
  readonly context: BrowserContext
  /** The tab that Chromium opened with. */
  readonly page: Page
  /** SIGKILL of the whole browser, as a crash would; resolves when none of its processes runs any more. */
  kill(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts Chromium on a profile folder of its own.
 *
 * @param init.userDataDir - survives the browser: launch again with the same folder to be the same person.
 * @param init.args - further command line flags.
 */
export async function launchBrowser(init: {
  readonly userDataDir: string
  readonly args?: readonly string[]
  readonly viewport?: { readonly width: number; readonly height: number }
}): Promise<BrowserProfile> {
  const context = await chromium.launchPersistentContext(init.userDataDir, {
    executablePath: ensureChromium(),
    headless: true,
    args: [...FLAGS, ...(init.args ?? [])],
    viewport: init.viewport ?? { width: 1280, height: 800 },
    locale: 'en-US'
  })
  const page = context.pages()[0] ?? (await context.newPage())
  const gone = new Promise<void>((done) => context.once('close', () => done()))
  let isGone = false
  void gone.then(() => (isGone = true))

  async function close(): Promise<void> {
    if (!isGone) await context.close()
  }

  return {
    context,
    page,
    async kill() {
      // A link named after the process that owns the profile: `hostname-pid`.
      const owner = await readlink(join(init.userDataDir, 'SingletonLock'))
      // Playwright starts a browser in a process group of its own, in which its children are too.
      const group = Number(await ps('-o', 'pgid=', '-p', owner.slice(owner.lastIndexOf('-') + 1)))
      process.kill(-group, 'SIGKILL')
      await gone
      const deadline = performance.now() + KILL_TIMEOUT_MS
      while (await isGroupRunning(group)) {
        if (performance.now() > deadline) throw new Error('the browser outlives SIGKILL')
      }
    },
    close,
    [Symbol.asyncDispose]: close
  }
}

async function isGroupRunning(group: number): Promise<boolean> {
  return (await ps('-A', '-o', 'pgid=,stat=')).split('\n').some((line) => {
    const [id, state = ''] = line.trim().split(/\s+/)
    // What is dead stays in the table until somebody asks for its exit code.
    return Number(id) === group && !state.startsWith('Z')
  })
}

async function ps(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('ps', args)).stdout
}
