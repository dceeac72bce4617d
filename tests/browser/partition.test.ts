import { expect, inject, it } from 'vitest'
import { spawnPinningNode, type SpawnedPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import type { ServedApp } from '#tests/support/serve-app.ts'
import { meet, type Person } from '#tests/support/people.ts'

const COUNT = 50
const numbered = (name: string): string[] =>
  Array.from({ length: COUNT }, (_, index) => `${name} ${index + 1}`)

/** The port of the node's WebSocket listener: a restarted node must be found at the same address. */
function portOf(node: SpawnedPinningNode): number {
  const port = /\/tcp\/(\d+)\/ws/.exec(node.multiaddrs.join(' '))?.[1]
  if (port === undefined) throw new Error('node has no WebSocket address')
  return Number(port)
}

async function serve(node: SpawnedPinningNode): Promise<ServedApp> {
  return serveApp({
    config: { nodes: node.multiaddrs, iceServers: [] },
    directory: inject('appDirectory')
  })
}

async function becomeAcquainted(alice: Person, bob: Person): Promise<void> {
  await alice.introduce('Alice')
  await bob.openLink(await alice.invite(), 'Bob')
  await bob.say('Hello')
  await alice.openConversation('Bob')
  await alice.reads('Hello')
}

/** After a reload nothing is left of a direct connection, and without a node none can be made. */
async function loseEachOther(person: Person, contact: string): Promise<void> {
  await person.page.reload()
  await person.openConversation(contact)
  await person.chip('Offline')
}

it('both sides of a partition converge to one order, also when the node restarts in the middle', async () => {
  await using temp = await withTempDir()
  const dataDir = `${temp.path}/node`
  await using first = await spawnPinningNode({ dataDir })
  await using app = await serve(first)
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  await using bob = await meet({ userDataDir: `${temp.path}/bob`, url: 'about:blank' })
  await becomeAcquainted(alice, bob)

  await first.stop()
  await Promise.all([loseEachOther(alice, 'Bob'), loseEachOther(bob, 'Alice')])
  const writing = [
    [alice, 'Alice'],
    [bob, 'Bob']
  ] as const
  await Promise.all(
    writing.map(async ([person, name]) => {
      for (const text of numbered(name)) await person.say(text)
      await person.lastStatus(/On this device/)
    })
  )

  await using second = await spawnPinningNode({ dataDir, wsPort: portOf(first) })
  await Promise.any([alice.reads('Bob 1'), bob.reads('Alice 1')])
  await second.kill()
  await using third = await spawnPinningNode({ dataDir, wsPort: portOf(first) })
  expect(third.peerId).toBe(first.peerId)

  await Promise.all([alice.reads(`Bob ${COUNT}`), bob.reads(`Alice ${COUNT}`)])
  const expected = ['Hello', ...numbered('Alice'), ...numbered('Bob')].sort()
  const seenByAlice = await alice.texts()
  expect([...seenByAlice].sort()).toEqual(expected)
  expect(await bob.texts()).toEqual(seenByAlice)
})

it('a message that says "On this device" survives SIGKILL of the browser and arrives', async () => {
  await using temp = await withTempDir()
  const dataDir = `${temp.path}/node`
  await using first = await spawnPinningNode({ dataDir })
  await using app = await serve(first)
  const bobAt = { userDataDir: `${temp.path}/bob`, url: app.url }
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  await using bob = await meet({ ...bobAt, url: 'about:blank' })
  await becomeAcquainted(alice, bob)
  await first.stop()
  await loseEachOther(bob, 'Alice')

  await bob.say('Written just before the crash')
  await bob.lastStatus(/On this device/)
  await bob.kill()

  await using bobAgain = await meet(bobAt)
  await bobAgain.openConversation('Alice')
  await bobAgain.reads('Written just before the crash')
  await using second = await spawnPinningNode({ dataDir, wsPort: portOf(first) })
  expect(second.peerId).toBe(first.peerId)
  await alice.reads('Written just before the crash')
  expect(await alice.texts()).toEqual(['Hello', 'Written just before the crash'])
})
