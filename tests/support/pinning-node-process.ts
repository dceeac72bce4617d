import { spawn } from 'node:child_process'
import { copyFile, cp, link, mkdir, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import type { SpawnedPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** Pim: a real node in a process of its own, on loopback and free ports. */
export function startPim(
  dataDir: string,
  args: readonly string[] = []
): Promise<SpawnedPinningNode> {
  return spawnPinningNode({ dataDir, args })
}

export interface Exit {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the node's program to its end. */
export function runPinningNode(args: readonly string[]): Promise<Exit> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'pinning-node', 'main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** What a node's operator has on disk: the blind folders, and the packages of `npm ci --omit=dev`. */
export async function installBlindNode(directory: string): Promise<{ readonly main: string }> {
  await mkdir(directory, { recursive: true })
  for (const path of ['package.json', 'pinning-node', 'src/protocol', 'src/replica']) {
    await cp(join(ROOT, path), join(directory, path), { recursive: true })
  }
  for (const path of await productionPackages()) {
    await linkTree(join(ROOT, path), join(directory, path))
  }
  return { main: join(directory, 'pinning-node', 'main.ts') }
}

/** `node_modules/…` of every package that the lockfile does not mark as needed by development only. */
async function productionPackages(): Promise<readonly string[]> {
  const lock: unknown = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'))
  const packages = new Map(Object.entries(propertyOf(lock, 'packages') ?? {}))
  const isProduction = ([path, entry]: [string, unknown]): boolean =>
    path !== '' && propertyOf(entry, 'dev') !== true
  return [...packages].filter(isProduction).map(([path]) => path)
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

/** Hard links, so that modules resolve from their new place; nested packages are trees of their own. */
async function linkTree(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true }).catch(() => [])
  if (entries.length > 0) await mkdir(to, { recursive: true })
  for (const entry of entries) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') await linkTree(source, target)
    } else {
      await mkdir(dirname(target), { recursive: true })
      await link(source, target).catch(() => copyFile(source, target))
    }
  }
}
