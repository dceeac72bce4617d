import { readdir, readFile, writeFile } from 'node:fs/promises'
import { expect, it, vi } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { BotRefusal, startBot, type Bot } from '#tests/support/bot-process.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

vi.setConfig({ testTimeout: 120_000 })

const PASSPHRASE = 'correct horse battery staple'

async function refusalOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer
  } catch (error) {
    if (error instanceof BotRefusal) return error.error.data.code
    throw error
  }
  return 'nothing was refused'
}

async function leave(bot: Bot): Promise<void> {
  bot.endInput()
  expect(await bot.exited).toBe(0)
}

it('a bot with a passphrase answers nothing before it is unlocked, and then everything', async () => {
  await using temp = await withTempDir()
  const at = { dataDir: `${temp.path}/alice`, nodes: [] }
  await using first = startBot(at)
  expect(await first.call('device.status')).toEqual({ status: 'open', hasPassphrase: false })
  const { userId } = (await first.call('identity.create', { name: 'Alice' })) as { userId: string }
  expect(await refusalOf(first.call('device.lock'))).toBe('passphrase-missing')
  expect(await refusalOf(first.call('device.passphrase', { next: 'short' }))).toBe(
    'passphrase-too-short'
  )
  await first.call('device.passphrase', { next: PASSPHRASE })
  await first.notified('device', ({ hasPassphrase }) => hasPassphrase === true)
  await leave(first)

  await using second = startBot(at)
  expect(await second.call('device.status')).toEqual({ status: 'locked', hasPassphrase: true })
  expect(await refusalOf(second.call('identity.get'))).toBe('locked')
  expect(await refusalOf(second.call('device.unlock', { passphrase: 'a guess' }))).toBe(
    'passphrase-wrong'
  )
  await second.call('device.unlock', { passphrase: PASSPHRASE })
  expect(await second.call('identity.get')).toMatchObject({ userId })
  await second.call('device.lock')
  expect(await refusalOf(second.call('conversation.list'))).toBe('locked')
  await second.call('device.unlock', { passphrase: PASSPHRASE })
  expect(await second.call('conversation.list')).toEqual([])
  expect(await refusalOf(second.call('device.passphrase', { current: 'a guess' }))).toBe(
    'passphrase-wrong'
  )
  await second.call('device.passphrase', { current: PASSPHRASE })
  await leave(second)

  await using third = startBot(at)
  expect(await third.call('identity.get')).toMatchObject({ userId })
})

it('--passphrase-file unlocks at the start, and a wrong one ends the bot', async () => {
  await using temp = await withTempDir()
  const at = { dataDir: `${temp.path}/alice`, nodes: [] }
  await using first = startBot(at)
  await first.call('identity.create', { name: 'Alice' })
  await first.call('device.passphrase', { next: PASSPHRASE })
  await leave(first)

  await writeFile(`${temp.path}/right`, `${PASSPHRASE}\n`, { mode: 0o600 })
  await writeFile(`${temp.path}/wrong`, 'a guess\n', { mode: 0o600 })
  await using second = startBot({ ...at, args: ['--passphrase-file', `${temp.path}/right`] })
  expect(await second.call('identity.get')).toMatchObject({ name: 'Alice' })
  await leave(second)

  await using third = startBot({ ...at, args: ['--passphrase-file', `${temp.path}/wrong`] })
  expect(await third.exited).toBe(1)
  expect(third.errorOutput()).toContain('passphrase-wrong')
  await using fourth = startBot({ ...at, args: ['--passphrase-file', `${temp.path}/none`] })
  expect(await fourth.exited).toBe(2)
})

it('mail that comes while a bot is locked is there when it is unlocked', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: `${temp.path}/node` })
  await using alice = startBot({ dataDir: `${temp.path}/alice`, nodes: node.multiaddrs })
  await using bob = startBot({ dataDir: `${temp.path}/bob`, nodes: node.multiaddrs })
  await alice.call('identity.create', { name: 'Alice' })
  const { link } = (await alice.call('invite.create')) as { link: string }
  const { conversation } = (await bob.call('invite.accept', { link, name: 'Bob' })) as {
    conversation: string
  }
  await alice.notified('conversation', ({ id }) => id === conversation)
  await alice.call('device.passphrase', { next: PASSPHRASE })
  await alice.call('device.lock')

  const { id } = (await bob.call('message.send', { conversation, text: 'In the meantime' })) as {
    id: string
  }
  await bob.notified('delivery', (step) => step['id'] === id && step['status'] === 'held')
  await alice.call('device.unlock', { passphrase: PASSPHRASE })
  await alice.notified('message', ({ text }) => text === 'In the meantime')
})

it('a wipe asks to be sure, leaves nothing of DeadDrop, and spares what is not its own', async () => {
  await using temp = await withTempDir()
  const dataDir = `${temp.path}/alice`
  await using bot = startBot({ dataDir, nodes: [] })
  await bot.call('identity.create', { name: 'Alice' })
  await bot.call('device.passphrase', { next: PASSPHRASE })
  await bot.call('device.lock')
  await writeFile(`${dataDir}/notes.txt`, 'not DeadDrop’s')
  expect(await refusalOf(bot.call('device.wipe'))).toBe('request-malformed')
  await bot.call('device.wipe', { isSure: true })
  expect(await bot.call('device.status')).toEqual({ status: 'wiped', hasPassphrase: false })
  expect(await refusalOf(bot.call('identity.get'))).toBe('stopped')
  expect(await readdir(dataDir)).toEqual(['notes.txt'])
  await leave(bot)

  await using again = startBot({ dataDir, nodes: [] })
  expect(await refusalOf(again.call('identity.get'))).toBe('identity-missing')
})

it('a wipe that was killed in the middle is finished by the next start', async () => {
  await using temp = await withTempDir()
  const dataDir = `${temp.path}/alice`
  await using first = startBot({ dataDir, nodes: [] })
  await first.call('identity.create', { name: 'Alice' })
  first.kill('SIGKILL')
  await first.exited
  const before = await readFile(`${dataDir}/vault.key`)
  await writeFile(`${dataDir}/wiping`, '') // as the first step of a wipe leaves it

  await using second = startBot({ dataDir, nodes: [] })
  expect(await refusalOf(second.call('identity.get'))).toBe('identity-missing')
  expect(await readdir(dataDir)).not.toContain('wiping')
  expect(before.equals(await readFile(`${dataDir}/vault.key`))).toBe(false)
})
