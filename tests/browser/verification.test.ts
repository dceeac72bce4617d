import { expect, inject, it } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { meet, type Person } from '#tests/support/people.ts'

async function numberOn({ page }: Person): Promise<string> {
  return page.getByRole('list', { name: 'Safety number' }).innerText()
}

async function wordsOn({ page }: Person): Promise<string> {
  return page.getByRole('list', { name: 'Safety words' }).innerText()
}

it('two people compare and mark, and a reload keeps it', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  await using app = await serveApp({
    config: { nodes: node.multiaddrs, iceServers: [] },
    directory: inject('appDirectory')
  })
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  await using bob = await meet({ userDataDir: `${temp.path}/bob`, url: 'about:blank' })
  await alice.introduce('Alice')
  await bob.openLink(await alice.invite(), 'Bob')
  await bob.say('Hello Alice')
  await alice.openConversation('Bob')
  await alice.reads('Hello Alice')

  for (const { page } of [alice, bob]) {
    await page.getByRole('button', { name: 'Verification: not verified' }).click()
    await page.getByRole('list', { name: 'Safety words' }).waitFor()
  }
  expect(await numberOn(alice)).toMatch(/^(\d{5}\s*){12}$/)
  expect(await numberOn(bob)).toBe(await numberOn(alice))
  expect(await wordsOn(bob)).toBe(await wordsOn(alice))

  // Bob has compared by eye; Alice gets the code from Bob's screen.
  await bob.page.getByRole('button', { name: 'Mark as verified' }).click()
  await bob.page.getByText('you compared the safety number with Alice').waitFor()
  await bob.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await bob.page.getByRole('button', { name: 'Copy code' }).click()
  await bob.page.getByText('Code copied').waitFor()
  const code = await bob.page.evaluate(() => navigator.clipboard.readText())
  await alice.page.getByRole('textbox', { name: 'Paste the code of Bob' }).fill(code)
  await alice.page.getByRole('button', { name: 'Check code' }).click()
  await alice.page.getByText('The keys match. Bob is verified.').waitFor()

  for (const [{ page }, contact] of [
    [alice, 'Bob'],
    [bob, 'Alice']
  ] as const) {
    await page.reload()
    await page.getByRole('button', { name: 'Verification: verified' }).waitFor()
    await page.getByRole('link', { name: new RegExp(`^${contact} Verified`) }).waitFor()
  }
})
