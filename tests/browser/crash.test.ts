import { expect, it } from 'vitest'
import { runCrashes } from '#tests/support/crash-run.ts'

it('a browser killed while a page appends loses nothing that the page was told is stored, and the next page opens the log', async () => {
  const seed = Date.now() % 2 ** 31
  console.log(`crash seed ${String(seed)}`)
  const { acknowledged } = await runCrashes({ kind: 'chromium', kills: 5, seed })
  expect(acknowledged).toBeGreaterThan(5)
})
