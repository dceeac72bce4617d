import { expect, inject, it } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { meet } from '#tests/support/people.ts'

it('one tab runs DeadDrop; another says so, and takes over when asked', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  await using app = await serveApp({
    config: { nodes: node.multiaddrs, iceServers: [] },
    directory: inject('appDirectory')
  })
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  await alice.introduce('Alice')
  const link = await alice.invite()

  const second = await alice.page.context().newPage()
  await second.goto(app.url)
  const useHere = second.getByRole('button', { name: 'Use DeadDrop here' })
  await useHere.waitFor()
  await useHere.click()
  await second.getByRole('button', { name: 'New conversation' }).click()
  await second.getByRole('button', { name: 'Invite someone' }).click()
  const field = second.getByRole('textbox', { name: 'Invite link', exact: true })
  await field.waitFor()
  expect(await field.inputValue()).toBe(link)
  await alice.page.getByRole('button', { name: 'Use DeadDrop here' }).waitFor()
})

it('a broken link, an own link and a mistyped node address are told in words', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  await using app = await serveApp({
    config: { nodes: node.multiaddrs, iceServers: [] },
    directory: inject('appDirectory')
  })
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  const { page } = alice
  await alice.introduce('Alice')
  const link = await alice.invite()
  const answers = [
    ['not a link', 'This is not a complete invite link.'],
    [link.slice(0, -5), 'This is not a complete invite link.'],
    [link, 'This is your own invite.']
  ] as const
  for (const [text, answer] of answers) {
    await page.getByRole('button', { name: 'New conversation' }).click()
    await page.getByRole('textbox', { name: 'Paste an invite link' }).fill(text)
    await page.getByRole('button', { name: 'Accept invite' }).click()
    await page.getByRole('alert').getByText(answer).waitFor()
  }

  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('textbox', { name: 'Node address' }).fill('example.org:443')
  await page.getByRole('button', { name: 'Add node' }).click()
  await page.getByText('This is not the address of a node.').waitFor()
})
