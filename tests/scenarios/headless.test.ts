import { expect, it, vi } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { BotRefusal, startBot, type Bot } from '#tests/support/bot-process.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

// Each test starts up to five programs, one after another; on a busy machine each takes seconds to be ready.
vi.setConfig({ testTimeout: 120_000 })

interface Listed {
  readonly id: string
  readonly text: string
  readonly status: string | null
}

async function textsOf(bot: Bot, conversation: string): Promise<string[]> {
  const messages = (await bot.call('message.list', { conversation, limit: 500 })) as Listed[]
  return messages.map(({ text }) => text)
}

async function refusalOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
  } catch (error) {
    if (error instanceof BotRefusal) return error.error.data.code
    throw error
  }
  return 'nothing was refused'
}

/** Alice invites, Bob accepts. @returns the conversation's id. */
async function acquaint(alice: Bot, bob: Bot): Promise<string> {
  await alice.call('identity.create', { name: 'Alice' })
  const { link } = (await alice.call('invite.create')) as { link: string }
  const { conversation } = (await bob.call('invite.accept', { link, name: 'Bob' })) as {
    conversation: string
  }
  await alice.notified('conversation', ({ id }) => id === conversation)
  return conversation
}

it('two bots talk through a node, and every own message is told each of its steps', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  await using alice = startBot({ dataDir: `${temp.path}/alice`, nodes: node.multiaddrs })
  await using bob = startBot({ dataDir: `${temp.path}/bob`, nodes: node.multiaddrs })
  const conversation = await acquaint(alice, bob)

  const { id } = (await bob.call('message.send', { conversation, text: 'Hello' })) as { id: string }
  const received = await alice.notified('message', (message) => message['id'] === id)
  expect(received).toMatchObject({ conversation, text: 'Hello', authorName: 'Bob' })
  const steps = ['on-device', 'held', 'delivered']
  const by = await Promise.all(
    steps.map(async (status) => {
      const note = await bob.notified(
        'delivery',
        (step) => step['id'] === id && step['status'] === status
      )
      return note['by']
    })
  )
  const { userId } = (await alice.call('identity.get')) as { userId: string }
  expect(by).toEqual(['self', node.peerId, userId])
  await alice.call('message.send', { conversation, text: 'Hello yourself' })
  await bob.notified('message', ({ text }) => text === 'Hello yourself')
  expect(await textsOf(alice, conversation)).toEqual(await textsOf(bob, conversation))
  expect(await alice.call('network.status')).toMatchObject({ status: 'relayed' })
})

it('accepting works while the inviter is away, and mail waits in both directions', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  const aliceAt = { dataDir: `${temp.path}/alice`, nodes: node.multiaddrs }
  const bobAt = { dataDir: `${temp.path}/bob`, nodes: node.multiaddrs }
  await using alice = startBot(aliceAt)
  await alice.call('identity.create', { name: 'Alice' })
  const { link } = (await alice.call('invite.create')) as { link: string }
  await heldInvite(alice)
  alice.endInput()
  expect(await alice.exited).toBe(0)

  await using bob = startBot(bobAt)
  const { conversation } = (await bob.call('invite.accept', { link, name: 'Bob' })) as {
    conversation: string
  }
  const texts = Array.from({ length: 20 }, (_, index) => `mail ${index + 1}`)
  for (const text of texts) await bob.call('message.send', { conversation, text })
  const [last] = (await bob.call('message.list', { conversation, limit: 1 })) as Listed[]
  await bob.notified('delivery', ({ id, status }) => id === last?.id && status === 'held')
  bob.kill('SIGTERM')
  expect(await bob.exited).toBe(0)

  await using aliceAgain = startBot(aliceAt)
  await aliceAgain.notified('message', ({ text }) => text === 'mail 20')
  expect(await textsOf(aliceAgain, conversation)).toEqual(texts)
})

/** An invite works without its maker once a node signed for it. */
async function heldInvite(bot: Bot): Promise<void> {
  const heldBy = async (): Promise<number> =>
    ((await bot.call('invite.get')) as { heldBy: number }).heldBy
  await expect.poll(heldBy, { timeout: 20_000 }).toBeGreaterThan(0)
}

it('SIGKILL loses nothing that was answered, and nothing is sent twice', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  const bobAt = { dataDir: `${temp.path}/bob`, nodes: node.multiaddrs }
  await using alice = startBot({ dataDir: `${temp.path}/alice`, nodes: node.multiaddrs })
  await using bob = startBot(bobAt)
  const conversation = await acquaint(alice, bob)
  const sent: string[] = []
  let current = bob
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 5; index++) {
      const text = `round ${round} message ${index}`
      await current.call('message.send', { conversation, text })
      sent.push(text)
    }
    current.kill('SIGKILL')
    await current.exited
    current = startBot(bobAt)
  }
  await using last = current
  await last.call('message.send', { conversation, text: 'the end' })
  await alice.notified('message', ({ text }) => text === 'the end')
  await expect
    .poll(() => textsOf(alice, conversation), { timeout: 20_000 })
    .toEqual([...sent, 'the end'])
  expect(await textsOf(last, conversation)).toEqual([...sent, 'the end'])
})

it('refuses bad links with a code each, and leaves no trace of them', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  await using alice = startBot({ dataDir: `${temp.path}/alice`, nodes: node.multiaddrs })
  await using bob = startBot({ dataDir: `${temp.path}/bob`, nodes: node.multiaddrs })
  expect(await refusalOf(alice.call('invite.create'))).toBe('identity-missing')
  await alice.call('identity.create', { name: 'Alice' })
  expect(await refusalOf(alice.call('identity.create', { name: 'Again' }))).toBe('identity-exists')
  const { link } = (await alice.call('invite.create')) as { link: string }
  const accept = (broken: string): Promise<string> =>
    refusalOf(bob.call('invite.accept', { link: broken, name: 'Bob' }))
  expect(await accept('')).toBe('invite-malformed')
  expect(await accept('https://example.org/')).toBe('invite-malformed')
  expect(await accept(link.slice(0, -7))).toBe('invite-malformed')
  expect(await accept(`${link}A`)).toBe('invite-malformed')
  expect(await refusalOf(bob.call('identity.get'))).toBe('identity-missing')
  expect(await refusalOf(alice.call('invite.accept', { link }))).toBe('invite-own')

  const first = await bob.call('invite.accept', { link, name: 'Bob' })
  expect(await bob.call('invite.accept', { link })).toEqual(first)
  expect(await bob.call('conversation.list')).toHaveLength(1)
})

it('two bots compare their codes, and who is verified survives SIGKILL', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  const aliceAt = { dataDir: `${temp.path}/alice`, nodes: node.multiaddrs }
  await using alice = startBot(aliceAt)
  await using bob = startBot({ dataDir: `${temp.path}/bob`, nodes: node.multiaddrs })
  const conversation = await acquaint(alice, bob)
  const safetyOf = async (bot: Bot): Promise<{ digits: string; words: string[]; code: string }> =>
    (await bot.call('conversation.safety', { conversation })) as {
      digits: string
      words: string[]
      code: string
    }
  const seenByAlice = await safetyOf(alice)
  const seenByBob = await safetyOf(bob)
  expect(seenByAlice.digits).toMatch(/^\d{60}$/)
  expect(seenByBob).toMatchObject({ digits: seenByAlice.digits, words: seenByAlice.words })

  const verify = (code: string): Promise<unknown> =>
    alice.call('conversation.verify', { conversation, code })
  expect(await verify(seenByAlice.code)).toEqual({ outcome: 'own-code', verifiedAt: null })
  expect(await refusalOf(verify(seenByBob.code.slice(0, -1)))).toBe('safety-code-malformed')
  expect(
    await refusalOf(alice.call('conversation.verify', { conversation: '00'.repeat(16) }))
  ).toBe('conversation-unknown')
  const verified = (await verify(seenByBob.code)) as { verifiedAt: number }
  expect(verified).toMatchObject({ outcome: 'match', verifiedAt: expect.any(Number) as number })
  await alice.notified('conversation', ({ verifiedAt }) => verifiedAt === verified.verifiedAt)
  alice.kill('SIGKILL')
  await alice.exited

  await using aliceAgain = startBot(aliceAt)
  const [listed] = (await aliceAgain.call('conversation.list')) as Record<string, unknown>[]
  expect(listed).toMatchObject({ verifiedAt: verified.verifiedAt, namesakes: [] })
  expect(await aliceAgain.call('conversation.unverify', { conversation })).toEqual({
    verifiedAt: null
  })
  expect(await bob.call('conversation.verify', { conversation })).toMatchObject({
    outcome: 'match'
  })
})

it('answers bad requests with JSON-RPC errors and goes on', async () => {
  await using temp = await withTempDir()
  await using bot = startBot({ dataDir: `${temp.path}/bot`, nodes: [] })
  bot.write('this is not JSON\n')
  expect((await bot.nextStrayAnswer()).error).toMatchObject({
    code: -32_700,
    data: { code: 'request-malformed' }
  })
  bot.write('[]\n')
  expect((await bot.nextStrayAnswer()).error.code).toBe(-32_600)
  bot.write('{"jsonrpc":"1.0","method":"identity.get"}\n')
  expect((await bot.nextStrayAnswer()).error.code).toBe(-32_600)
  bot.write(`${'x'.repeat(2_000_000)}\n`)
  expect((await bot.nextStrayAnswer()).error.data.code).toBe('request-too-large')
  expect(await refusalOf(bot.call('no.such.method'))).toBe('method-unknown')
  expect(await refusalOf(bot.call('identity.create', {}))).toBe('request-malformed')
  expect(await refusalOf(bot.call('identity.create', { name: '   ' }))).toBe('name-empty')
  expect(await refusalOf(bot.call('identity.create', { name: 'n'.repeat(65) }))).toBe(
    'name-too-long'
  )
  await bot.call('identity.create', { name: 'Bot' })
  const unknown = { conversation: '00'.repeat(16) }
  expect(await refusalOf(bot.call('message.send', { ...unknown, text: 'x' }))).toBe(
    'conversation-unknown'
  )
  expect(await refusalOf(bot.call('message.list', { ...unknown, limit: 0 }))).toBe(
    'request-malformed'
  )
  bot.endInput()
  expect(await bot.exited).toBe(0)
})

it('refuses a second process on the same data, and a wrong command line', async () => {
  await using temp = await withTempDir()
  await using first = startBot({ dataDir: `${temp.path}/bot`, nodes: [] })
  await first.call('network.status')
  await using second = startBot({ dataDir: `${temp.path}/bot`, nodes: [] })
  expect(await second.exited).toBe(3)
  expect(second.errorOutput()).toContain('data-in-use')
  await using third = startBot({ dataDir: `${temp.path}/bot2`, nodes: ['not a multiaddr'] })
  expect(await third.exited).toBe(2)
  expect(third.errorOutput()).toContain('node-address-malformed')
  await using fourth = startBot({
    dataDir: `${temp.path}/bot2`,
    nodes: [],
    args: ['--colour', 'red']
  })
  expect(await fourth.exited).toBe(2)
  expect(fourth.errorOutput()).toContain('Usage')
})
