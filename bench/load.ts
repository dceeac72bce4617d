import { launchBrowser, withTempDir } from '#tests/support/browser.ts'
import { openApp, startApp } from './app.ts'
import type { Bench } from './bench.ts'
import { compare } from './measure.ts'

/** From the start of navigation until the app can be used; each time in a browser that was just started. */
export const loadBench: Bench = {
  name: 'load',
  async *run(context) {
    const { runs, signal } = context
    const firstRun: number[] = []
    const returning: number[] = []
    await using app = await startApp()
    for (let run = 1; run <= runs; run++) {
      signal.throwIfAborted()
      await using profile = await withTempDir('deaddrop-bench-')
      {
        await using browser = await launchBrowser({ userDataDir: profile.path })
        firstRun.push(await openApp(browser.page, app.url, 'first-run'))
        await browser.page.getByRole('textbox', { name: 'Your name' }).fill('Alice')
        await browser.page.getByRole('button', { name: 'Create identity' }).click()
        await browser.page.getByRole('navigation', { name: 'Conversations' }).waitFor({
          state: 'attached'
        })
      }
      {
        await using browser = await launchBrowser({ userDataDir: profile.path })
        returning.push(await openApp(browser.page, app.url, 'conversations'))
      }
      context.report(
        `run ${run}/${runs} first run ${firstRun.at(-1)?.toFixed(0)} ms, returning ${returning.at(-1)?.toFixed(0)} ms`
      )
    }
    yield* [
      compare({ bench: 'load', case: 'first-run', unit: 'ms', ours: firstRun, rival: null }),
      compare({ bench: 'load', case: 'returning', unit: 'ms', ours: returning, rival: null })
    ]
  }
}
