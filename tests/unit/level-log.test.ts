import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { expect, it } from 'vitest'
import { endOf, leaveHalfRecord, readLogEnd } from '#tests/support/level-log.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

async function writeLog(folder: string): Promise<Uint8Array> {
  await mkdir(folder, { recursive: true })
  const level = new ClassicLevel<string, string>(folder)
  for (let count = 0; count < 40; count++) await level.put(String(count), 'x'.repeat(count * 97))
  await level.close()
  const name = (await readdir(folder)).find((one) => one.endsWith('.log')) ?? ''
  return readFile(join(folder, name))
}

it('a log that its writer closed ends whole, and cut anywhere inside a record it ends half', async () => {
  await using folder = await withTempDir()
  const log = await writeLog(folder.path)
  expect(log.byteLength).toBeGreaterThan(2 * 32_768)
  expect(endOf(log)).toBe('whole')
  for (let cut = 1; cut <= 39 * 97; cut++)
    expect(endOf(log.subarray(0, log.byteLength - cut))).toBe('half')
})

it('a half record that was left behind is found', async () => {
  await using folder = await withTempDir()
  const { byteLength } = await writeLog(folder.path)
  expect(await readLogEnd(folder.path)).toBe('whole')
  await leaveHalfRecord(folder.path)
  expect(await readLogEnd(folder.path)).toBe('half')
  const log = (await readdir(folder.path)).find((one) => one.endsWith('.log')) ?? ''
  expect((await stat(join(folder.path, log))).size).toBe(byteLength + 7)
})
