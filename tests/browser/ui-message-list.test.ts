import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openUiPreview } from '#tests/support/ui-preview-app.ts'
import type { UiPreview } from '#tests/support/ui-preview-app.ts'

describe('the message list', () => {
  let ui: UiPreview

  beforeAll(async () => {
    ui = await openUiPreview()
  })
  afterAll(() => ui[Symbol.asyncDispose]())

  const log = (page: Page) => page.getByRole('log', { name: 'Messages' })
  const article = (page: Page, text: string) => page.getByRole('article').filter({ hasText: text })
  const fromEnd = (page: Page) =>
    log(page).evaluate((element) =>
      Math.round(element.scrollHeight - element.scrollTop - element.clientHeight)
    )

  async function openBob(page: Page): Promise<void> {
    await page.getByRole('link', { name: /^Bob/ }).click()
    await page.getByRole('article').last().waitFor()
    // The list measures its rows and corrects its place for some frames; a reader scrolls after that.
    await log(page).evaluate(async (element) => {
      for (let still = 0, last = NaN; still < 10; last = element.scrollTop) {
        still = element.scrollTop === last ? still + 1 : 0
        await new Promise((resolve) => requestAnimationFrame(resolve))
      }
    })
  }

  async function receive(page: Page, text: string): Promise<void> {
    await page.evaluate((value) => {
      const conversation = window.preview
        ?.snapshot()
        .conversations.find(({ title }) => title === 'Bob')
      if (conversation !== undefined) window.preview?.levers.receive(conversation.id, value)
    }, text)
  }

  it('opens at the first unread message and marks everything as read', async () => {
    const page = await ui.open('long')
    await openBob(page)
    const mark = page.getByText('New messages', { exact: true })
    await expect.poll(async () => (await mark.boundingBox())?.y ?? -1).toBeGreaterThan(0)
    await expect.poll(async () => (await mark.boundingBox())?.y ?? 999).toBeLessThan(160)
    await expect
      .poll(() => page.evaluate(() => window.preview?.snapshot().conversations[0]?.unread))
      .toBe(0)
    await page.close()
  })

  it('opens at the end where nothing is unread, and follows new messages there', async () => {
    const page = await ui.open('full')
    await openBob(page)
    await expect.poll(() => fromEnd(page)).toBeLessThanOrEqual(1)
    for (const text of ['first', 'second', 'third\nwith\nlines', 'fourth', 'fifth', 'sixth'])
      await receive(page, text)
    await article(page, 'sixth').waitFor()
    await expect.poll(() => fromEnd(page)).toBeLessThanOrEqual(1)
    await page.close()
  })

  it('stays where the reader is when something arrives, and says so', async () => {
    const page = await ui.open('long')
    await openBob(page)
    await log(page).evaluate((element) => (element.scrollTop -= 200))
    await page.getByRole('button', { name: 'Go to the newest message' }).waitFor()
    const shown = article(page, 'Message 1163')
    const before = (await shown.boundingBox())?.y
    await receive(page, 'late news')
    await page.getByRole('button', { name: 'Go to the newest message' }).getByText('1').waitFor()
    expect((await shown.boundingBox())?.y).toBe(before)
    await page.getByRole('button', { name: 'Go to the newest message' }).click()
    await article(page, 'late news').waitFor()
    await expect.poll(() => fromEnd(page)).toBeLessThanOrEqual(1)
    await page.close()
  })

  it('keeps its place while older messages load above, all the way to the beginning', async () => {
    const page = await ui.open('long')
    await openBob(page)
    const oldest = async () => {
      const [first] = await page.getByRole('article').allInnerTexts()
      return Number(/Message (\d+)/.exec(first ?? '')?.[1])
    }
    await expect.poll(oldest).toBeLessThan(1_161)
    const from = await oldest()

    // Watches one message while the list above it grows: it may move by what the user scrolls, by nothing else.
    const jump = await log(page).evaluate(async (element) => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
      const positions = () =>
        new Map(
          Array.from(element.querySelectorAll('article'), (shown) => [
            shown.dataset['messageId'],
            shown.getBoundingClientRect().y
          ])
        )
      let worst = 0
      for (let steps = 0; steps < 60; steps += 1) {
        element.scrollTop -= 120
        await frame()
        await frame()
        const before = positions()
        await frame()
        await frame()
        for (const [id, y] of positions()) {
          const earlier = before.get(id)
          if (earlier !== undefined && y > -100 && y < 800)
            worst = Math.max(worst, Math.abs(y - earlier))
        }
      }
      return worst
    })
    expect(jump).toBeLessThanOrEqual(1)
    expect(await oldest()).toBeLessThan(from)

    for (let rounds = 0; rounds < 60; rounds += 1) {
      if (await page.getByText('This is the beginning of your conversation').isVisible()) break
      await log(page).evaluate((element) => (element.scrollTop = 0))
      await page.evaluate(
        () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
      )
    }
    await page.getByText('Message 1', { exact: true }).waitFor()
    expect(await page.getByRole('article').count()).toBeLessThan(200)
    await page.close()
  })

  it('two hundred messages are all in the document', async () => {
    const page = await ui.open('empty')
    await page.evaluate(async () => {
      const client = window.preview
      if (client === undefined) return
      const acceptance = await client.acceptInvite('http://x/#/invite/abcdefghijkl')
      client.levers.finish(acceptance.id, 'Bob')
      const [conversation] = client.snapshot().conversations
      if (conversation === undefined) return
      location.hash = `#/c/${conversation.id}`
    })
    await page.getByRole('heading', { name: 'Bob' }).waitFor()
    await page.getByText('This is the beginning of your conversation').waitFor()
    await page.evaluate(() => {
      const [conversation] = window.preview?.snapshot().conversations ?? []
      if (conversation === undefined) return
      for (let index = 0; index < 200; index += 1)
        window.preview?.levers.receive(conversation.id, `n${index}`)
    })
    await expect.poll(() => page.getByRole('article').count()).toBe(200)
    await expect.poll(() => fromEnd(page)).toBeLessThanOrEqual(1)
    await page.close()
  })

  it('hostile text is shown, never run or rendered, and only http links can be followed', async () => {
    const page = await ui.open('full')
    await openBob(page)
    await receive(
      page,
      '<img src=x onerror="document.title=1"> javascript:alert(1) https://example.org/a?b=<c>'
    )
    const shown = article(page, 'javascript:alert(1)').last()
    expect(await shown.locator('img').count()).toBe(0)
    const links = shown.getByRole('link')
    expect(await links.count()).toBe(1)
    expect(await links.getAttribute('href')).toBe('https://example.org/a?b=')
    expect(await links.getAttribute('rel')).toContain('noopener noreferrer')
    await page.close()
  })

  it('a message takes its steps in place', async () => {
    const page = await ui.open('full')
    await openBob(page)
    const last = page.getByRole('article').last()
    expect(await last.innerText()).toContain('Held by 1 node')
    await page.evaluate(async () => {
      const conversation = window.preview
        ?.snapshot()
        .conversations.find(({ title }) => title === 'Bob')
      if (conversation === undefined) return
      const [message] = (await window.preview?.listMessages(conversation.id, { limit: 1 })) ?? []
      if (message !== undefined)
        window.preview?.levers.setStatus(conversation.id, message.id, 'read')
    })
    await last.getByRole('button', { name: 'Delivery: Read' }).waitFor()
    await page.close()
  })
})
