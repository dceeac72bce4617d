import type { Page } from 'playwright-core'
import { expect, inject, it } from 'vitest'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { meet } from '#tests/support/people.ts'

const PASSPHRASE = 'correct horse battery staple'

async function openSettings(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('heading', { name: 'Lock', exact: true }).waitFor()
}

async function setPassphrase(page: Page, passphrase: string): Promise<void> {
  await page.getByLabel('New passphrase', { exact: true }).fill(passphrase)
  await page.getByLabel('Repeat the new passphrase').fill(passphrase)
  await page.getByRole('button', { name: 'Set passphrase' }).click()
  await page.getByText('The passphrase is set.').waitFor()
}

async function unlock(page: Page, passphrase: string): Promise<void> {
  await page.getByLabel('Passphrase', { exact: true }).fill(passphrase)
  await page.getByRole('button', { name: 'Unlock' }).click()
}

async function isLocked(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'DeadDrop is locked' }).waitFor()
}

/** Everything that the origin keeps, by kind. */
function stored(page: Page) {
  return page.evaluate(async () => ({
    databases: (await indexedDB.databases()).map(({ name }) => name),
    local: localStorage.length,
    session: sessionStorage.length,
    caches: await caches.keys(),
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    hash: location.hash
  }))
}

/** Whether `text` is in a string of the page's JavaScript heap, after everything that can be collected was. */
async function isInHeap(page: Page, text: string): Promise<boolean> {
  const session = await page.context().newCDPSession(page)
  let snapshot = ''
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => (snapshot += chunk))
  await session.send('HeapProfiler.collectGarbage')
  await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false })
  await session.detach()
  return snapshot.includes(text)
}

it('a passphrase closes the app until it is typed, by hand and by itself, and a wipe leaves nothing', async () => {
  await using temp = await withTempDir()
  await using app = await serveApp({
    config: { nodes: [], iceServers: [] },
    directory: inject('appDirectory')
  })
  const secretName = `Alice ${crypto.randomUUID()}`
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  const { page } = alice
  const workers: string[] = []
  page.on('worker', (worker) => workers.push(worker.url()))
  await alice.introduce(secretName)
  await openSettings(page)
  expect(workers).toEqual([])
  await setPassphrase(page, PASSPHRASE)
  expect(workers).toHaveLength(1)

  await page.clock.install()
  await page.reload()
  await isLocked(page)
  expect(await page.title()).toBe('DeadDrop')
  expect(await isInHeap(page, secretName)).toBe(false)
  await unlock(page, 'a guess')
  await page.getByText('This is not the passphrase of this device.').waitFor()
  await unlock(page, PASSPHRASE)
  await page.getByRole('heading', { name: 'Settings', exact: true }).waitFor()
  expect(await isInHeap(page, secretName)).toBe(true)

  await page.getByRole('button', { name: 'Lock now' }).click()
  await isLocked(page)
  await expect.poll(() => isInHeap(page, secretName), { timeout: 20_000 }).toBe(false)
  await unlock(page, PASSPHRASE)
  await page.getByRole('radio', { name: 'After 5 minutes' }).check()
  await page.getByRole('radio', { name: 'After 5 minutes', checked: true }).waitFor()
  await page.clock.fastForward('04:30')
  await page.getByRole('heading', { name: 'Settings', exact: true }).click()
  await page.clock.fastForward('04:30')
  await page.getByRole('heading', { name: 'Settings', exact: true }).waitFor()
  await page.clock.fastForward('00:40')
  await isLocked(page)

  await page.getByRole('button', { name: 'Delete everything on this device' }).click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Delete everything on this device' }).click()
  await page.getByRole('button', { name: 'Delete everything', exact: true }).click()
  await page.getByRole('heading', { name: 'Everything is deleted' }).waitFor()
  expect(await stored(page)).toEqual({
    databases: [],
    local: 0,
    session: 0,
    caches: [],
    workers: 0,
    hash: ''
  })
  await page.getByRole('button', { name: 'Start anew' }).click()
  await page.getByRole('textbox', { name: 'Your name' }).waitFor()
})

it('a wipe that a crash cut off is finished by the next start', async () => {
  await using temp = await withTempDir()
  await using app = await serveApp({
    config: { nodes: [], iceServers: [] },
    directory: inject('appDirectory')
  })
  const at = { userDataDir: `${temp.path}/alice`, url: app.url }
  await using alice = await meet(at)
  await alice.introduce('Alice')
  await openSettings(alice.page)
  // The first step of a wipe, and no other.
  await alice.page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open('deaddrop-wipe')
        request.onsuccess = () => {
          request.result.close()
          resolve()
        }
        request.onerror = () => reject(new Error('no mark'))
      })
  )
  await alice.leave()

  await using again = await meet(at)
  await again.page.getByRole('textbox', { name: 'Your name' }).waitFor()
  expect((await stored(again.page)).databases).not.toContain('deaddrop-wipe')
})
