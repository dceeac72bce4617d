import { expect, it, vi } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import type { ConversationView, MessageView } from '#client/client.ts'
import { PIN_PROTOCOL } from '#protocol/protocol-ids.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createDaemonPlatform } from '#replica/network/libp2p-options.node.ts'
import { createIdentity } from '#sealing/identity.ts'
import { encodeInvite, readInvite } from '#sealing/invite-link.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import {
  acquaint,
  createCrookedClock,
  createStubbornStore,
  startClient
} from '#tests/support/client-world.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

// Each test starts a node and several clients; a busy machine needs more than the usual time.
vi.setConfig({ testTimeout: 90_000 })

const DAY_MS = 24 * 60 * 60_000

const textsOf = (messages: readonly MessageView[]): string[] => messages.map(({ text }) => text)
const has =
  (...texts: string[]) =>
  (messages: readonly MessageView[]): boolean =>
    texts.every((text) => textsOf(messages).includes(text))

it('a full disk refuses with a code, sends nothing, loses nothing, and heals', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  const store = createStubbornStore()
  await using alice = await startClient({
    nodes: node.multiaddrs,
    store,
    clock: createCrookedClock({ speed: 5 })
  })
  await using bob = await startClient({ nodes: node.multiaddrs })
  const conversation = await acquaint(alice, bob)
  await alice.client.sendMessage(conversation, 'before')
  await bob.untilMessages(conversation, has('before'))

  store.refuse('storage-full')
  await expect(alice.client.sendMessage(conversation, 'not sent')).rejects.toMatchObject({
    code: 'storage-full'
  })
  await alice.until((client) =>
    client.snapshot().problems.includes('storage-full') ? true : undefined
  )
  await bob.client.sendMessage(conversation, 'comes while the disk is full')

  store.refuse(null)
  await alice.client.sendMessage(conversation, 'after')
  await bob.untilMessages(conversation, has('after'))
  await alice.untilMessages(conversation, has('comes while the disk is full'))
  await alice.until((client) => (client.snapshot().problems.length === 0 ? true : undefined))
  const expected = ['after', 'before', 'comes while the disk is full']
  expect(textsOf(await alice.messages(conversation)).sort()).toEqual(expected)
  expect(textsOf(await bob.messages(conversation)).sort()).toEqual(expected)
})

it('clocks that are a day off in opposite directions change nothing but what is said about them', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  await using alice = await startClient({
    nodes: node.multiaddrs,
    clock: createCrookedClock({ offsetMs: DAY_MS })
  })
  await using bob = await startClient({
    nodes: node.multiaddrs,
    clock: createCrookedClock({ offsetMs: -DAY_MS })
  })
  const conversation = await acquaint(alice, bob)
  await alice.client.sendMessage(conversation, 'from tomorrow')
  await bob.untilMessages(conversation, has('from tomorrow'))
  await bob.client.sendMessage(conversation, 'from yesterday')
  await alice.untilMessages(conversation, has('from yesterday'))
  await alice.untilMessages(conversation, (messages) => messages[0]?.status === 'delivered')
  await bob.untilMessages(conversation, (messages) => messages[1]?.status === 'delivered')
  const seen = await bob.messages(conversation)
  expect(textsOf(seen)).toEqual(['from tomorrow', 'from yesterday'])
  expect(seen.map(({ isClockAhead }) => isClockAhead)).toEqual([true, false])
  expect((await alice.messages(conversation)).some(({ isClockAhead }) => isClockAhead)).toBe(false)
})

it('a node that is down makes accepting say so, and it goes on when the node comes', async () => {
  await using temp = await withTempDir()
  await using first = await spawnPinningNode({ dataDir: temp.path })
  await using alice = await startClient({ nodes: first.multiaddrs })
  await alice.client.createIdentity('Alice')
  await alice.until((client) => (client.snapshot().connection === 'relayed' ? true : undefined))
  const { link } = await alice.client.createInvite()
  await alice.until((client) => ((client.snapshot().invite?.heldBy ?? 0) > 0 ? true : undefined))
  await first.stop()

  await using bob = await startClient({
    nodes: first.multiaddrs,
    clock: createCrookedClock({ speed: 20 })
  })
  await bob.client.createIdentity('Bob')
  await bob.client.acceptInvite(link)
  await bob.until((client) =>
    client.snapshot().acceptances.some(({ error }) => error === 'invite-unreachable')
      ? true
      : undefined
  )
  const wsPort = Number(/\/tcp\/(\d+)\//.exec(first.multiaddrs.join())?.[1])
  await using second = await spawnPinningNode({ dataDir: temp.path, wsPort })
  expect(second.peerId).toBe(first.peerId)
  bob.client.wake()
  const acceptance = await bob.until((client) =>
    client.snapshot().acceptances.find(({ step }) => step === 'done')
  )
  expect(acceptance).toMatchObject({ inviterName: 'Alice', error: null })
})

it('an expired link is refused at once, and one that names another inviter when its drop is read', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  await using eve = await startClient({ nodes: node.multiaddrs })
  await eve.client.createIdentity('Eve')
  await eve.until((client) => (client.snapshot().connection === 'relayed' ? true : undefined))
  const { link } = await eve.client.createInvite()
  await eve.until((client) => ((client.snapshot().invite?.heldBy ?? 0) > 0 ? true : undefined))

  const later = createCrookedClock({ offsetMs: 31 * DAY_MS })
  await using carol = await startClient({ nodes: node.multiaddrs, clock: later })
  await carol.client.createIdentity('Carol')
  await expect(carol.client.acceptInvite(link)).rejects.toMatchObject({ code: 'invite-expired' })
  expect(carol.client.snapshot().acceptances).toEqual([])

  // Eve's own drop, in a link that claims to be from Alice.
  const { secret, expiresAtMs, nodes } = readInvite(link)
  const alice = createIdentity({ random: (length) => new Uint8Array(length).fill(3) })
  const { rootPublicKey } = alice
  const forged = encodeInvite({ rootPublicKey, secret, expiresAtMs, nodes })
  await using bob = await startClient({ nodes: node.multiaddrs })
  await bob.client.createIdentity('Bob')
  const { id } = await bob.client.acceptInvite(forged)
  const failed = await bob.until((client) =>
    client.snapshot().acceptances.find((candidate) => candidate.step === 'failed')
  )
  expect(failed).toMatchObject({ id, error: 'invite-forged', conversation: null })
  expect(bob.client.snapshot().conversations).toEqual([])
})

it('a node that answers rubbish or forges receipts is not believed, and an honest one still is', async () => {
  await using temp = await withTempDir()
  await using honest = await spawnPinningNode({ dataDir: temp.path })
  const rogue = await createNodeReplica(
    { store: createMemoryStore() },
    { platform: createDaemonPlatform({}) }
  )
  let asked = 0
  await rogue.handle(PIN_PROTOCOL, { maxBytes: 65_536 }, async (message) => {
    asked += 1
    return asked % 2 === 0 ? message : crypto.getRandomValues(new Uint8Array(300))
  })
  const nodes = [...honest.multiaddrs, ...rogue.network().multiaddrs]
  await using alice = await startClient({ nodes, clock: createCrookedClock({ speed: 5 }) })
  await using bob = await startClient({ nodes })
  const conversation = await acquaint(alice, bob)
  await alice.client.sendMessage(conversation, 'believe signatures only')
  await bob.untilMessages(conversation, has('believe signatures only'))
  await alice.untilMessages(conversation, ([message]) => message?.trail?.nodes.length === 1)
  await expect.poll(() => asked, { timeout: 20_000 }).toBeGreaterThan(2)
  const [message] = await alice.messages(conversation)
  expect(message?.trail?.nodes.map(({ peerId }) => peerId)).toEqual([honest.peerId])
  await rogue.stop()
})

it('what was accepted, written and read is there after a restart', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  const store = createMemoryStore()
  await using bob = await startClient({ nodes: node.multiaddrs })
  let conversation: string
  {
    await using alice = await startClient({ nodes: node.multiaddrs, store })
    conversation = await acquaint(alice, bob)
    await alice.client.setDraft(conversation, 'half a thought')
    await alice.client.setName('Alice Liddell')
    await alice.client.updateSettings({ theme: 'dark', sendReadReceipts: false })
    await alice.client.sendMessage(conversation, 'first')
    await bob.untilMessages(conversation, has('first'))
    await bob.until((client) =>
      client.snapshot().conversations.find(({ title }) => title === 'Alice Liddell')
    )
  }
  await bob.client.sendMessage(conversation, 'while you were away')

  await using again = await startClient({ nodes: node.multiaddrs, store })
  await again.untilMessages(conversation, has('first', 'while you were away'))
  const { profile, settings, conversations } = again.client.snapshot()
  expect(profile?.name).toBe('Alice Liddell')
  expect(settings).toMatchObject({ theme: 'dark', sendReadReceipts: false })
  expect(conversations.map(({ title }) => title)).toEqual(['Bob'])
  expect(await again.client.draft(conversation)).toBe('half a thought')

  const view = await again.client.openConversation(conversation)
  expect(view.firstUnread).toBe(view.messages()[1]?.id)
  await view.markRead()
  await again.until((client) =>
    client.snapshot().conversations[0]?.unread === 0 ? true : undefined
  )
})

// prettier
it('a conversation that is opened while messages arrive shows every one of them', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  await using alice = await startClient({ nodes: node.multiaddrs })
  await using bob = await startClient({ nodes: node.multiaddrs })
  const conversation = await acquaint(alice, bob)
  const texts = Array.from({ length: 30 }, (_, index) => `message ${index + 1}`)
  const opening: Promise<ConversationView>[] = []
  alice.client.addEventListener('message', () => {
    opening.push(alice.client.openConversation(conversation))
  })
  for (const text of texts) await bob.client.sendMessage(conversation, text)
  await alice.untilMessages(conversation, (messages) => messages.length === texts.length)
  const views = await Promise.all(opening)
  expect(views).toHaveLength(texts.length)
  for (const view of views) expect(textsOf(view.messages())).toEqual(texts)
})
