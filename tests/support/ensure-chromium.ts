import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** What to type where {@link ensureChromium} cannot do it by itself. */
export const CHROMIUM_HINT =
  'install Chromium (Debian, Ubuntu: sudo apt-get update && sudo apt-get install -y chromium) or set DEADDROP_CHROMIUM=/path/to/chromium'

/** Path of a Chromium on this machine: `DEADDROP_CHROMIUM`, or the first known name on `PATH`. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const configured = env['DEADDROP_CHROMIUM']
  if (configured !== undefined && configured !== '') {
    return isExecutable(configured) ? configured : undefined
  }
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/**
 * Finds Chromium, or installs it where that needs no question: as root on a system with apt.
 *
 * @throws {Error} whose message is {@link CHROMIUM_HINT} when there is none and none could be installed.
 */
export function ensureChromium(env: NodeJS.ProcessEnv = process.env): string {
  const found = findChromium(env)
  if (found !== undefined) return found
  if (env['DEADDROP_CHROMIUM'] === undefined && process.getuid?.() === 0) {
    const aptEnv = { ...env, DEBIAN_FRONTEND: 'noninteractive' }
    const isInstalled = [['update'], ['install', '-y', 'chromium']].every(
      (argv) => spawnSync('apt-get', argv, { stdio: 'inherit', env: aptEnv }).status === 0
    )
    const installed = isInstalled ? findChromium(env) : undefined
    if (installed !== undefined) return installed
  }
  throw new Error(CHROMIUM_HINT)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
