import { expect, it } from 'vitest'
import { runCrashes } from '#tests/support/crash-run.ts'

it('a browser killed while a page appends loses nothing that the page was told is stored, and the next page opens the log', async () => {
  const seed = Date.now() % 2 ** 31
  console.log(`crash seed ${String(seed)}`)
  const { acknowledged, resets } = await runCrashes({ kind: 'chromium', kills: 5, seed })
  // A defect of Chromium, which the long run counts: it must not hide what happens to a database that is there.
  if (resets > 0) console.warn('the browser threw its whole database away')
  else expect(acknowledged).toBeGreaterThan(5)
})
