import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build, preview } from 'vite'
import { launchBrowser } from './browser.ts'
import type {} from './crash-page/main.ts'
import { createCrashOrder, readAcknowledgement } from './crash-order.ts'
import { createTestGate } from './replica-gate.ts'
import { withTempDir } from './temp-dir.ts'

const ROOT = join(import.meta.dirname, 'crash-page')
const CACHE = join(import.meta.dirname, '../../.cache/crash-page')
/** Longest time in which a page must have said what it was let live for, ms. */
const MAX_LIFE_MS = 60_000
const MAX_LINES = 300

/**
 * One profile whose browser is killed again and again while a page appends; each next page checks the store.
 *
 * Once in some dozens of kills Chromium 156 replaces its database with an empty one: the log of its LevelDB then says
 * `Creating DB since it was missing`. That is counted apart from entries that are missing while others are there. Seen with
 * relaxed durability; whether strict durability avoids it is not known.
 *
 * @returns the number of acknowledged entries that were there at the end, and how often Chromium began anew.
 */
export async function crashOneProfile(
  kills: number,
  random: () => number,
  onKill: (kill: number, entries: number) => void
): Promise<{ readonly acknowledged: number; readonly resets: number }> {
  await using folder = await withTempDir()
  await using server = await servePage()
  const order = createCrashOrder(createTestGate())
  const acknowledged = new Map<number, string>()
  let resets = 0
  for (let kill = 0; ; kill++) {
    await using browser = await launchBrowser({ userDataDir: folder.path })
    const { page } = browser
    await page.goto(server.url)
    await page.waitForFunction(() => 'crashPage' in globalThis)
    if (acknowledged.size > 0 && (await page.evaluate(() => window.crashPage.isEmpty()))) {
      acknowledged.clear()
      resets++
    }
    const entries = await page.evaluate(
      ([told, arrivals]) => window.crashPage.check(told, arrivals),
      [order, [...acknowledged]] as const
    )
    if (kill > 0) onKill(kill, entries)
    if (kill === kills) return { acknowledged: acknowledged.size, resets }

    const lines = Math.floor(random() ** 2 * MAX_LINES)
    await new Promise<void>((resolve, reject) => {
      const lastMoment = setTimeout(() => {
        reject(new Error('the page stopped appending'))
      }, MAX_LIFE_MS)
      let count = 0
      page.on('console', (message) => {
        const told = readAcknowledgement(message.text())
        if (told === undefined) return
        acknowledged.set(...told)
        if (count++ !== lines) return
        clearTimeout(lastMoment)
        setTimeout(resolve, random() * 8)
      })
      page
        .evaluate(() => {
          window.crashPage.append()
        })
        .catch(reject)
    })
    await browser.kill()
  }
}

async function servePage(): Promise<{ readonly url: string } & AsyncDisposable> {
  const outDir = join(CACHE, `dist-${String(process.pid)}`)
  const shared = {
    configFile: false as const,
    root: ROOT,
    cacheDir: CACHE,
    logLevel: 'error' as const
  }
  await build({ ...shared, build: { outDir, emptyOutDir: true, target: 'es2022', minify: false } })
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: { host: '127.0.0.1', port: 0 }
  })
  const url = server.resolvedUrls?.local[0]
  if (url === undefined) throw new Error('preview server has no address')
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await rm(outDir, { recursive: true, force: true })
    }
  }
}
