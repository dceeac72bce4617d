import { expect, inject, it } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { meet } from '#tests/support/people.ts'

it('two people talk within 30 s of the link, directly, and go on when the node is gone', async () => {
  await using temp = await withTempDir()
  const directory = temp.path
  await using node = await spawnPinningNode({ dataDir: `${directory}/node` })
  await using app = await serveApp({
    config: { nodes: node.multiaddrs, iceServers: [] },
    directory: inject('appDirectory')
  })
  await using alice = await meet({ userDataDir: `${directory}/alice`, url: app.url })
  await using bob = await meet({ userDataDir: `${directory}/bob`, url: 'about:blank' })

  await alice.introduce('Alice')
  const link = await alice.invite()

  const opened = performance.now()
  await bob.openLink(link, 'Bob')
  await bob.say('Hello Alice')
  await alice.openConversation('Bob')
  await alice.reads('Hello Alice')
  // A promise of the product in the words of its founding issue, with room to spare; not a benchmark.
  expect(performance.now() - opened).toBeLessThan(30_000)
  await alice.say('Hello Bob')
  await bob.reads('Hello Bob')

  await Promise.all([alice.chip('Direct'), bob.chip('Direct')])
  for (const person of [alice, bob]) {
    const pairs = await person.selectedIcePairs()
    expect(pairs).not.toEqual([])
    // A check may arrive before the candidate that it belongs to is told: the same host is then peer-reflexive (RFC 8445).
    for (const { local, remote } of pairs)
      expect(['host', 'prflx']).toEqual(expect.arrayContaining([local, remote]))
  }

  await node.kill()
  await alice.say('Is somebody there without the node?')
  await bob.reads('Is somebody there without the node?')
  await bob.say('Yes')
  await alice.reads('Yes')
  await Promise.all([alice.chip('Direct'), bob.chip('Direct')])
  await bob.lastStatus(/Read|Delivered/)

  const texts = ['Hello Alice', 'Hello Bob', 'Is somebody there without the node?', 'Yes']
  expect(await alice.texts()).toEqual(texts)
  expect(await bob.texts()).toEqual(texts)
})
