import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { expect, inject, it } from 'vitest'
import { parsed } from '#tests/support/archive-fixtures.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { meet } from '#tests/support/people.ts'

const MESSAGES = 3_000

async function choose(page: Page, name: string, text: string): Promise<void> {
  await page.getByLabel('Choose a file…').setInputFiles({
    name,
    mimeType: 'text/plain',
    buffer: Buffer.from(text)
  })
}

it('somebody brings a conversation along, finds it after a reload, takes it out again and removes it', async () => {
  await using temp = await withTempDir()
  await using app = await serveApp({
    config: { nodes: [], iceServers: [] },
    directory: inject('appDirectory')
  })
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  const { page } = alice
  await alice.introduce('Alice')
  await page.goto(`${app.url}#/settings`)

  await choose(page, 'diary.txt', 'Dear diary,\nnothing happened.')
  await page.getByText('This is not an export that DeadDrop knows.').waitFor()
  const lines = Array.from(
    { length: MESSAGES },
    (_, index) =>
      `31/12/2023, 21:40 - ${index % 2 === 0 ? 'Bob' : 'Alice B.'}: <i>message</i> ${index}`
  )
  await choose(page, 'WhatsApp Chat with Bob.txt', lines.join('\n'))
  await page.getByText('3000 messages in 1 conversation, from WhatsApp.').last().waitFor()
  await page.getByLabel('Which of these is you?').selectOption('Alice B.')
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByText('3000 messages imported.').last().waitFor()

  await page.reload()
  await page.getByRole('link', { name: /^Bob/ }).click()
  await page.getByText(`<i>message</i> ${MESSAGES - 1}`, { exact: true }).waitFor()
  await page.getByText(/^Imported from WhatsApp/).waitFor()
  expect(await page.getByRole('textbox', { name: 'Message', exact: true }).count()).toBe(0)

  await page.getByRole('link', { name: 'Settings' }).click()
  const saving = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export as a file' }).click()
  const file = await (await saving).path()
  const again = parsed(await readFile(file, 'utf8'))
  expect(again).toMatchObject({ format: 'deaddrop', claimedBy: 'Alice' })
  expect(again.transcripts[0]?.messages).toHaveLength(MESSAGES)
  expect(again.transcripts[0]?.participants[1]).toEqual({ name: 'Alice B.', isSelf: true })

  await page.getByRole('link', { name: /^Bob/ }).click()
  await page.getByRole('button', { name: 'Conversation details', exact: true }).click()
  await page.getByRole('button', { name: 'Remove this import…' }).click()
  await page.getByRole('button', { name: 'Remove for good' }).click()
  await page.getByText('No conversations yet').waitFor()
})
