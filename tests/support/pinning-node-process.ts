import { spawn } from 'node:child_process'
import { join } from 'node:path'
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
