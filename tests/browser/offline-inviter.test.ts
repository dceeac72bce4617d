import { expect, inject, it } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { meet } from '#tests/support/people.ts'

const numbered = (name: string): string[] =>
  Array.from({ length: 20 }, (_, index) => `${name} writes ${index + 1}`)

it('mail waits at the node: never online together, 20 messages each way arrive in order', async () => {
  await using temp = await withTempDir()
  const directory = temp.path
  await using node = await spawnPinningNode({ dataDir: `${directory}/node` })
  await using app = await serveApp({
    config: { nodes: node.multiaddrs, iceServers: [] },
    directory: inject('appDirectory')
  })
  const aliceAt = { userDataDir: `${directory}/alice`, url: app.url }
  const bobAt = { userDataDir: `${directory}/bob`, url: app.url }

  await using alice = await meet(aliceAt)
  await alice.introduce('Alice')
  const link = await alice.invite()
  await alice.inviteIsHeld()
  await alice.leave()

  await using bob = await meet({ ...bobAt, url: 'about:blank' })
  await bob.openLink(link, 'Bob')
  for (const text of numbered('Bob')) await bob.say(text)
  await bob.lastStatus(/Held by 1 node/)
  await bob.leave()

  await using aliceAgain = await meet(aliceAt)
  await aliceAgain.openConversation('Bob')
  await aliceAgain.reads('Bob writes 20')
  expect(await aliceAgain.texts()).toEqual(numbered('Bob'))
  for (const text of numbered('Alice')) await aliceAgain.say(text)
  await aliceAgain.lastStatus(/Held by 1 node/)
  await aliceAgain.leave()

  await using bobAgain = await meet(bobAt)
  await bobAgain.openConversation('Alice')
  await bobAgain.reads('Alice writes 20')
  expect(await bobAgain.texts()).toEqual([...numbered('Bob'), ...numbered('Alice')])
  await bobAgain.leave()
})
