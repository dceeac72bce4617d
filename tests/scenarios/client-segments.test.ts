import { expect, it, vi } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import type { MessageView } from '#client/client.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { acquaint, startClient, type TestClient } from '#tests/support/client-world.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

// Each test starts a node and several clients; a busy machine needs more than the usual time.
vi.setConfig({ testTimeout: 180_000 })

const textsOf = (messages: readonly MessageView[]): string[] => messages.map(({ text }) => text)

const isLast =
  (text: string) =>
  (messages: readonly MessageView[]): boolean =>
    messages.at(-1)?.text === text

async function say(client: TestClient, conversation: string, texts: readonly string[]) {
  for (const text of texts) await client.client.sendMessage(conversation, text)
}

const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name} ${index + 1}`)

it('a conversation goes on through many segments, while either side is away or starts again', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  const segments = { maxEntries: 6, maxOpen: 4 }
  const alicesDisk = createMemoryStore()
  const bobsDisk = createMemoryStore()
  const start = (store = alicesDisk): Promise<TestClient> =>
    startClient({ nodes: node.multiaddrs, store, segments })
  const expected: string[] = []
  let conversation: string
  {
    await using alice = await start()
    {
      await using bob = await start(bobsDisk)
      conversation = await acquaint(alice, bob)
      for (let turn = 1; turn <= 8; turn++) {
        const [from, to] = turn % 2 === 0 ? [alice, bob] : [bob, alice]
        const text = `both are here ${turn}`
        await from.client.sendMessage(conversation, text)
        await to.untilMessages(conversation, isLast(text))
        expected.push(text)
      }
    }
    const away = numbered('Bob is away', 20)
    await say(alice, conversation, away)
    expected.push(...away)
    await alice.untilMessages(conversation, (all) => all.at(-1)?.status === 'held')
  }

  {
    await using bob = await start(bobsDisk)
    await bob.untilMessages(conversation, isLast('Bob is away 20'))
    expect(textsOf(await bob.messages(conversation))).toEqual(expected)
    const away = numbered('Alice is away', 15)
    await say(bob, conversation, away)
    expected.push(...away)
    await bob.untilMessages(conversation, (all) => all.at(-1)?.status === 'held')
    expect((await bob.segments(conversation)).at(-1)).toBeGreaterThan(5)
  }

  await using alice = await start()
  await alice.untilMessages(conversation, isLast('Alice is away 15'))
  await using bob = await start(bobsDisk)
  await say(alice, conversation, ['together again'])
  expected.push('together again')
  await bob.untilMessages(conversation, isLast('together again'))
  for (const person of [alice, bob]) {
    expect(textsOf(await person.messages(conversation))).toEqual(expected)
    await person.untilMessages(conversation, (all) =>
      all.every(({ status, isOwn }) => !isOwn || status === 'delivered' || status === 'read')
    )
    expect(person.client.snapshot().problems).toEqual([])
  }
  expect((await alice.segments(conversation)).at(-1)).toBe(
    (await bob.segments(conversation)).at(-1)
  )
})

it('who wrote into an old segment while cut off is heard, once and in the same place by all', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  const segments = { maxEntries: 4 }
  const bobsDisk = createMemoryStore()
  await using alice = await startClient({ nodes: node.multiaddrs, segments })
  let conversation: string
  {
    await using bob = await startClient({ nodes: node.multiaddrs, store: bobsDisk, segments })
    conversation = await acquaint(alice, bob)
    await bob.client.sendMessage(conversation, 'hello')
    await alice.untilMessages(conversation, isLast('hello'))
  }
  {
    // Without a node: Bob writes for himself.
    await using bob = await startClient({ nodes: [], store: bobsDisk, segments })
    for (const { multiaddr } of bob.client.snapshot().nodes) await bob.client.removeNode(multiaddr)
    await say(bob, conversation, numbered('from the tunnel', 6))
    await bob.untilMessages(conversation, (all) => all.at(-1)?.status === 'on-device')
  }
  await say(alice, conversation, numbered('meanwhile', 9))
  await alice.untilMessages(conversation, (all) => all.at(-1)?.status === 'held')

  await using bob = await startClient({ nodes: [], store: bobsDisk, segments })
  for (const multiaddr of node.multiaddrs) await bob.client.addNode(multiaddr)
  for (const person of [alice, bob])
    await person.untilMessages(conversation, (all) => all.length === 16)
  const seen = textsOf(await alice.messages(conversation))
  expect(textsOf(await bob.messages(conversation))).toEqual(seen)
  expect([...seen].sort()).toEqual(
    ['hello', ...numbered('from the tunnel', 6), ...numbered('meanwhile', 9)].sort()
  )
})

it('segments that everybody has leave the disk, and their messages stay', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  const segments = { maxEntries: 5, lateMs: 0, retentionMs: 0 }
  const alicesDisk = createMemoryStore()
  await using bob = await startClient({ nodes: node.multiaddrs, segments })
  let conversation: string
  {
    await using alice = await startClient({ nodes: node.multiaddrs, store: alicesDisk, segments })
    conversation = await acquaint(alice, bob)
    for (const text of numbered('message', 12)) {
      await alice.client.sendMessage(conversation, text)
      await bob.untilMessages(conversation, isLast(text))
    }
    await alice.untilMessages(conversation, (all) =>
      all.every(({ status }) => status === 'delivered' || status === 'read')
    )
  }
  await using alice = await startClient({ nodes: node.multiaddrs, store: alicesDisk, segments })
  await expect
    .poll(async () => (await alice.segments(conversation))[0], { timeout: 60_000 })
    .toBeGreaterThan(0)
  await alice.client.sendMessage(conversation, 'and on')
  await bob.untilMessages(conversation, isLast('and on'))
  const expected = [...numbered('message', 12), 'and on']
  expect(textsOf(await alice.messages(conversation))).toEqual(expected)
  expect(textsOf(await bob.messages(conversation))).toEqual(expected)
})
