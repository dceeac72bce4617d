import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { withTempDir } from '#tests/support/temp-dir.ts'

const ROOT = resolve(import.meta.dirname, '../..')

interface Lockfile {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly optional?: boolean }>
  >
}

/** Paths like `node_modules/libp2p` of what `npm ci --omit=dev` installs, without those inside another package. */
async function productionPackages(): Promise<string[]> {
  const { packages } = JSON.parse(
    await readFile(join(ROOT, 'package-lock.json'), 'utf8')
  ) as Lockfile
  return Object.entries(packages)
    .filter(([path, { dev }]) => path.startsWith('node_modules/') && dev !== true)
    .map(([path]) => path)
    .filter((path) => path.lastIndexOf('node_modules/') === 0)
}

it('the daemon starts with its own folder, protocol, replica and production packages alone', async () => {
  await using directory = await withTempDir()
  for (const path of ['package.json', 'pinning-node', 'src/protocol', 'src/replica']) {
    await cp(join(ROOT, path), join(directory.path, path), { recursive: true })
  }
  for (const path of await productionPackages()) {
    await mkdir(dirname(join(directory.path, path)), { recursive: true })
    await symlink(join(ROOT, path), join(directory.path, path), 'dir')
  }

  // With links kept as they are, a package finds only its neighbours here, not those of the repository.
  const argv = ['--preserve-symlinks', '--preserve-symlinks-main', 'pinning-node/main.ts']
  const options = ['--data', 'data', '--ws-port', '0', '--http-port', '0', '--log', 'json']
  const child = spawn(process.execPath, [...argv, ...options], {
    cwd: directory.path,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  const exited = once(child, 'close')
  try {
    const lines = createInterface({ input: child.stdout })
    const [first] = (await Promise.race([once(lines, 'line'), exited])) as [unknown]
    expect(complaint).toBe('')
    expect(JSON.parse(String(first))).toMatchObject({ event: 'ready' })
  } finally {
    child.kill('SIGTERM')
    await exited
  }
  expect(child.exitCode).toBe(0)
})
