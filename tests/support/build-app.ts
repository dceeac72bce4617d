import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import type { TestProject } from 'vitest/node'
import { ensureChromium } from './ensure-chromium.ts'

const ROOT = resolve(import.meta.dirname, '../..')

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder of the built web app, see {@link setup}. */
    appDirectory: string
    chromiumPath: string
  }
}

/**
 * Builds the web app as `npm run build` does, into `outDir`.
 *
 * @throws {Error} with what Vite printed, when the build fails.
 */
export async function buildApp(outDir: string): Promise<void> {
  // A child, because this process may run with NODE_ENV=test, which would build the development version of Vue.
  const env = { ...process.env }
  delete env['NODE_ENV']
  delete env['VITEST']
  const vite = join(ROOT, 'node_modules/vite/bin/vite.js')
  const child = spawn(process.execPath, [vite, 'build', '--outDir', outDir, '--emptyOutDir'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  await once(child, 'close')
  if (child.exitCode !== 0) throw new Error(`vite build failed:\n${output}`)
}

/** Global set-up of the browser project: Chromium is there, and the app is built once for all test files. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('chromiumPath', ensureChromium())
  const prebuilt = process.env['DEADDROP_APP_DIRECTORY']
  if (prebuilt !== undefined && prebuilt !== '') {
    project.provide('appDirectory', resolve(ROOT, prebuilt))
    return async () => undefined
  }
  const directory = await mkdtemp(join(tmpdir(), 'deaddrop-app-'))
  await buildApp(directory)
  project.provide('appDirectory', directory)
  return () => rm(directory, { recursive: true, force: true })
}
