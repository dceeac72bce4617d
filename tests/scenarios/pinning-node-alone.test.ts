import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { installBlindNode } from '#tests/support/pinning-node-process.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

// Processes start slowly on a machine that is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

describe('a node without the rest of the house', () => {
  it('starts with only pinning-node, src/protocol, src/replica and production dependencies on disk', async () => {
    await using dir = await withTempDir('pim-')
    const { main } = await installBlindNode(join(dir.path, 'node'))
    await expect(access(join(dir.path, 'node/node_modules/vitest'))).rejects.toThrow('ENOENT')
    await using node = await spawnPinningNode({ dataDir: join(dir.path, 'data'), main })
    expect((await fetch(`${node.http}/healthz`)).status).toBe(200)
    expect(await node.stop()).toBe(0)
  })
})
