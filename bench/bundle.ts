import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { launchBrowser, withTempDir } from '#tests/support/browser.ts'
import { openApp, startApp } from './app.ts'
import type { RunningApp } from './app.ts'
import type { Bench } from './bench.ts'
import { compare } from './measure.ts'

const GZIP_LEVEL = 9

/** Bytes of JavaScript, gzipped as hosts do. A fact of the build and not of the machine, so one run is enough. */
export const bundleBench: Bench = {
  name: 'bundle',
  async *run(context) {
    await using app = await startApp()
    const start = await sizeOf(await scriptsOfFirstRun(app))
    const total = await sizeOf(await scriptsOfBuild(app))
    context.report(`${start} KB at start, ${total} KB in all`)
    const shared = { bench: 'bundle', unit: 'KB', rival: null } as const
    yield* [
      compare({ ...shared, case: 'start-gzip', ours: [start] }),
      compare({ ...shared, case: 'total-gzip', ours: [total] })
    ]
  }
}

/** Files that a browser fetches until the app of somebody new has settled. */
async function scriptsOfFirstRun(app: RunningApp): Promise<readonly string[]> {
  await using profile = await withTempDir('deaddrop-bench-')
  await using browser = await launchBrowser({ userDataDir: profile.path })
  const files = new Set<string>()
  browser.page.on('response', (response) => {
    const path = new URL(response.url()).pathname
    if (path.endsWith('.js')) files.add(join(app.directory, path))
  })
  await openApp(browser.page, app.url, 'first-run')
  await browser.page.waitForLoadState('networkidle')
  return [...files]
}

async function scriptsOfBuild(app: RunningApp): Promise<readonly string[]> {
  const files = await readdir(app.directory, { recursive: true })
  return files.filter((file) => file.endsWith('.js')).map((file) => join(app.directory, file))
}

/** @returns KB (1,000 bytes) of all files, each compressed by itself. */
async function sizeOf(files: readonly string[]): Promise<number> {
  const sizes = files.map(async (file) => {
    return gzipSync(await readFile(file), { level: GZIP_LEVEL }).byteLength
  })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) / 1_000
}
