import { expect, it, vi } from 'vitest'
import { BotRefusal, startBot, type Bot } from '#tests/support/bot-process.ts'
import { WHATSAPP_ANDROID } from '#tests/support/archive-fixtures.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

vi.setConfig({ testTimeout: 120_000 })

interface Listed {
  readonly id: string
  readonly title: string
  readonly archive: { readonly format: string; readonly messages: number } | null
}

async function wholeExport(bot: Bot): Promise<string> {
  let text = ''
  for (let isLast = false, isFresh = true; !isLast; isFresh = false) {
    const piece = (await bot.call('archive.export', { isFresh })) as {
      text: string
      isLast: boolean
    }
    text += piece.text
    isLast = piece.isLast
  }
  return text
}

async function bring(bot: Bot, text: string, fileName: string): Promise<string> {
  for (let start = 0; start < text.length; start += 200_000)
    await bot.call('archive.write', { text: text.slice(start, start + 200_000) })
  const { conversations } = (await bot.call('archive.import', { fileName, self: 'Alice' })) as {
    conversations: string[]
  }
  return conversations[0] ?? ''
}

async function messagesOf(bot: Bot, conversation: string): Promise<readonly unknown[]> {
  const messages = (await bot.call('message.list', { conversation, limit: 1_000 })) as Readonly<
    Record<string, unknown>
  >[]
  return messages.map(({ text, sentAt, authorName, isOwn, status }) => ({
    text,
    sentAt,
    authorName,
    isOwn,
    status
  }))
}

async function refusalOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
  } catch (error) {
    if (error instanceof BotRefusal) return `${error.error.data.code}: ${error.error.message}`
    throw error
  }
  return 'nothing was refused'
}

it('a bot imports from another messenger, exports, and another bot imports that; a restart keeps it', async () => {
  await using temp = await withTempDir()
  const at = { dataDir: `${temp.path}/alice`, nodes: [] }
  const big = Array.from(
    { length: 3_000 },
    (_, index) => `2024-02-03, 10:00 - Bob: message ${index} ${'x'.repeat(200)}`
  )
  let brought: readonly unknown[]
  let text: string
  {
    await using alice = startBot(at)
    expect(await refusalOf(alice.call('archive.export'))).toMatch(/^identity-missing/)
    await alice.call('identity.create', { name: 'Alice' })
    const conversation = await bring(alice, WHATSAPP_ANDROID, 'WhatsApp Chat with Bob.txt')
    await bring(alice, big.join('\n'), 'WhatsApp Chat with Carol.txt')
    brought = await messagesOf(alice, conversation)
    expect(brought).toHaveLength(3)
    expect(brought[0]).toMatchObject({ authorName: 'Alice', isOwn: true, status: null })
    expect(await refusalOf(alice.call('message.send', { conversation, text: 'no' }))).toMatch(
      /^conversation-read-only/
    )
    text = await wholeExport(alice)
    expect(JSON.parse(text)).toMatchObject({
      format: 'deaddrop-export',
      version: 1,
      profile: { name: 'Alice' }
    })
    alice.kill('SIGTERM')
    await alice.exited
  }
  await using again = startBot(at)
  const listed = (await again.call('conversation.list')) as Listed[]
  expect(listed.map(({ title, archive }) => [title, archive?.format, archive?.messages])).toEqual([
    ['Carol', 'whatsapp', 3_000],
    ['Bob', 'whatsapp', 3]
  ])
  const kept = listed.find(({ title }) => title === 'Bob')?.id ?? ''
  expect(await messagesOf(again, kept)).toEqual(brought)
  await again.call('archive.delete', { conversation: kept })
  expect(await again.call('conversation.list')).toHaveLength(1)
  expect(await refusalOf(again.call('message.list', { conversation: kept }))).toMatch(
    /^conversation-unknown/
  )

  await using bob = startBot({ dataDir: `${temp.path}/bob`, nodes: [] })
  await bob.call('identity.create', { name: 'Bob' })
  await bring(bob, text, 'export.json')
  const [, ofBob] = (await bob.call('conversation.list')) as Listed[]
  expect(ofBob).toMatchObject({ title: 'Bob', archive: { format: 'deaddrop', claimedBy: 'Alice' } })
  expect(await messagesOf(bob, ofBob?.id ?? '')).toEqual(brought)
})

it('a bot says what is wrong with a file and where, and keeps nothing of it', async () => {
  await using temp = await withTempDir()
  await using bot = startBot({ dataDir: `${temp.path}/bot`, nodes: [] })
  await bot.call('identity.create', { name: 'Alice' })
  expect(await refusalOf(bot.call('archive.import'))).toMatch(/^archive-unknown/)
  await bot.call('archive.write', { text: '{"room_name":"x","messages":[{},{"type":]}' })
  expect(await refusalOf(bot.call('archive.import'))).toBe(
    'archive-malformed: archive cannot be read at line 1'
  )
  await bot.call('archive.write', { text: '{"room_name":"x","messages":[{},{"type"}]}' })
  expect(await refusalOf(bot.call('archive.import'))).toBe(
    'archive-malformed: archive cannot be read at messages[1]'
  )
  expect(await bot.call('conversation.list')).toEqual([])
})
