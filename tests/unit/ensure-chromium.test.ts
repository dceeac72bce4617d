import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { CHROMIUM_HINT, ensureChromium, findChromium } from '#tests/support/ensure-chromium.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

describe('finding Chromium', () => {
  it('what DEADDROP_CHROMIUM names wins over PATH', () => {
    const env = { DEADDROP_CHROMIUM: process.execPath, PATH: '/usr/bin' }
    expect(findChromium(env)).toBe(process.execPath)
  })

  it('PATH is searched, and a file that cannot be executed is passed over', async () => {
    await using folder = await withTempDir()
    const other = join(folder.path, 'chromium')
    const google = join(folder.path, 'google-chrome')
    await writeFile(other, '')
    await writeFile(google, '')
    await chmod(google, 0o755)
    expect(findChromium({ PATH: folder.path })).toBe(google)
  })

  it('a DEADDROP_CHROMIUM that is not there is refused with what to do, and nothing is installed', () => {
    const env = { DEADDROP_CHROMIUM: '/nowhere/chromium', PATH: process.env['PATH'] }
    expect(() => ensureChromium(env)).toThrow(CHROMIUM_HINT)
  })
})
