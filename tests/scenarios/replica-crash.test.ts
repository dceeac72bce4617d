import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { createLogManifest, readEntryHash } from '#protocol/log-manifest.ts'
import { hexToBytes } from '@noble/hashes/utils.js'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { startReplicaPeer } from '#tests/support/replica-peers.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

const HASH_CHARACTERS = 49
const PROGRAM = fileURLToPath(new URL('../support/replica-append-process.ts', import.meta.url))

it('a process that is killed while it writes has lost nothing that it said was stored', async () => {
  await using folder = await withTempDir()
  const child = spawn(process.execPath, [PROGRAM, folder.path], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (lines.length === 200) child.kill('SIGKILL')
  }
  await exited
  const [first, ...acknowledged] = lines
  const manifest: unknown = JSON.parse(first ?? '')
  if (!isManifest(manifest)) throw new Error('the process did not say which log it writes')

  const store = await openLevelStore({ directory: folder.path })
  await using alice = await startReplicaPeer({ store })
  const log = await alice.engine.open(
    createLogManifest(hexToBytes(manifest.name), hexToBytes(manifest.gatePublicKey))
  )
  // The last line may have been cut by the kill.
  const complete = acknowledged.filter((line) => line.length === HASH_CHARACTERS)
  expect(complete.length).toBeGreaterThanOrEqual(198)
  for (const line of complete) expect(await log.has(readEntryHash(line))).toBe(true)
  expect(log.size().entries).toBeGreaterThanOrEqual(complete.length)
  let arrivals = 0
  for await (const { arrival } of log.entries()) expect(arrival).toBe(++arrivals)
  expect(arrivals).toBe(log.size().entries)
  await alice.stop()
  await store.close()
})

function isManifest(
  value: unknown
): value is { readonly name: string; readonly gatePublicKey: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'gatePublicKey' in value &&
    typeof value.gatePublicKey === 'string'
  )
}
