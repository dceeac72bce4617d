import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openUiPreview } from '#tests/support/ui-preview-app.ts'
import type { UiPreview } from '#tests/support/ui-preview-app.ts'

describe('the interface by keyboard', () => {
  let ui: UiPreview

  beforeAll(async () => {
    ui = await openUiPreview()
  })
  afterAll(() => ui[Symbol.asyncDispose]())

  async function openBob(page: Page): Promise<void> {
    await page.getByRole('link', { name: /^Bob/ }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('article').last().waitFor()
  }

  const message = (page: Page) => page.getByRole('textbox', { name: 'Message', exact: true })
  const focused = (page: Page) => page.locator(':focus')

  it('a name and Enter create the identity, and the next screen shows the invite', async () => {
    const page = await ui.open('first-run')
    await expect.poll(() => focused(page).getAttribute('id')).toBe('first-name')
    await page.keyboard.type('Alice')
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: 'Invite link', exact: true }).waitFor()
    expect(await page.getByText('Not yet on a node: keep this page open').isVisible()).toBe(true)
    await page.evaluate(() => window.preview?.levers.holdInvite(2))
    await page.getByText('Works while you are offline: held by 2 nodes').waitFor()
    await page.close()
  })

  it('an empty name is refused in words, and the field says so', async () => {
    const page = await ui.open('first-run')
    await page.getByRole('button', { name: 'Create identity' }).press('Enter')
    await page.getByText('Please enter a name.').waitFor()
    expect(
      await page.getByRole('textbox', { name: 'Your name' }).getAttribute('aria-invalid')
    ).toBe('true')
    await page.close()
  })

  it('an invite link in a fresh profile leads through the name straight into the conversation', async () => {
    const page = await ui.open('first-run', { hash: '#/invite/abcdefghijkl' })
    await page.getByRole('heading', { name: 'Somebody invites you to a conversation' }).waitFor()
    await page.getByRole('textbox', { name: 'Your name' }).fill('Bob')
    await page.keyboard.press('Enter')
    await page.getByRole('list', { name: 'Steps' }).waitFor()
    expect(page.url()).not.toContain('abcdefghijkl')
    await page.evaluate(() => {
      const [acceptance] = window.preview?.snapshot().acceptances ?? []
      if (acceptance !== undefined) window.preview?.levers.finish(acceptance.id, 'Alice')
    })
    await page.getByRole('heading', { name: 'Alice' }).waitFor()
    await expect.poll(() => focused(page).getAttribute('aria-label')).toBe('Message')
    await page.close()
  })

  it('a link that was opened with an identity is accepted without another click, and a bad one says why', async () => {
    const page = await ui.open('full', { hash: '#/invite/abcdefghijkl' })
    await page.getByRole('list', { name: 'Steps' }).waitFor()
    await page.evaluate(() => (location.hash = '#/invite/expired00000'))
    await page.getByText('This invite has expired. Ask for a new one.').waitFor()
    await page.close()
  })

  it('Enter sends, Shift+Enter breaks the line, and the field keeps the focus', async () => {
    const page = await ui.open('full')
    await openBob(page)
    const before = await page.getByRole('article').count()
    await message(page).focus()
    await page.keyboard.type('one')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('two')
    expect(await message(page).inputValue()).toBe('one\ntwo')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByRole('article').count()).toBe(before + 1)
    expect(await page.getByRole('article').last().innerText()).toMatch(
      /one\s+two[^]*On this device/
    )
    expect(await message(page).inputValue()).toBe('')
    expect(await focused(page).getAttribute('aria-label')).toBe('Message')
    await page.close()
  })

  it('Enter that ends a composition of characters does not send', async () => {
    const page = await ui.open('full')
    await openBob(page)
    await message(page).fill('日本')
    await message(page).dispatchEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true })
    expect(await message(page).inputValue()).toBe('日本')
    await page.close()
  })

  it('the field grows to eight lines and then scrolls', async () => {
    const page = await ui.open('full')
    await openBob(page)
    const height = async () => (await message(page).boundingBox())?.height ?? 0
    const one = await height()
    await message(page).fill('1\n2\n3\n4\n5\n6\n7\n8')
    await expect.poll(height).toBeGreaterThan(one * 3)
    const eight = await height()
    await message(page).fill(Array.from({ length: 30 }, (_, index) => String(index)).join('\n'))
    await expect
      .poll(() => message(page).evaluate((field) => field.scrollHeight > field.clientHeight))
      .toBe(true)
    expect(await height()).toBeLessThanOrEqual(eight + 1)
    expect(await page.getByRole('button', { name: 'Send' }).isVisible()).toBe(true)
    await page.close()
  })

  it('a refused message comes back into the field with the reason', async () => {
    const page = await ui.open('full')
    await openBob(page)
    await page.evaluate(() => window.preview?.levers.failNext('sendMessage', 'storage-full'))
    await message(page).fill('important')
    await page.keyboard.press('Enter')
    await page.getByText('This device has no room left').waitFor()
    expect(await message(page).inputValue()).toBe('important')
    await page.close()
  })

  it('each conversation keeps its own draft', async () => {
    const page = await ui.open('full')
    await openBob(page)
    await message(page).fill('for Bob')
    await page.getByRole('link', { name: /^Carol/ }).click()
    await page.getByRole('heading', { name: /^Carol/ }).waitFor()
    expect(await message(page).inputValue()).toBe('')
    await page.getByRole('link', { name: /^Bob/ }).click()
    await expect.poll(() => message(page).inputValue()).toBe('for Bob')
    await page.close()
  })

  it('the delivery trail opens from the ticks, keeps the focus inside, and Escape returns to them', async () => {
    const page = await ui.open('full')
    await openBob(page)
    await page.getByRole('button', { name: 'Delivery: Held by 1 node' }).press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Delivery of this message' })
    await dialog.waitFor()
    expect(await dialog.innerText()).toMatch(
      /On this device[^]*Held by node[^]*Promises to hold it until[^]*Not yet delivered to Bob[^]*Not yet read/
    )
    for (let presses = 0; presses < 4; presses += 1) await page.keyboard.press('Tab')
    expect(await dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    await expect
      .poll(() => focused(page).getAttribute('aria-label'))
      .toBe('Delivery: Held by 1 node')
    await page.close()
  })

  it('the chip opens the connection details, and Escape closes them', async () => {
    const page = await ui.open('problems')
    await openBob(page)
    await page.getByRole('button', { name: 'Connection details' }).press('Enter')
    const panel = page.getByRole('dialog', { name: 'Connection details' })
    await panel.waitFor()
    expect(await panel.innerText()).toContain('Messages wait here')
    await panel.getByRole('button', { name: 'Retry now' }).press('Enter')
    expect(await page.evaluate(() => window.preview?.levers.wakes())).toBe(1)
    await page.keyboard.press('Escape')
    await panel.waitFor({ state: 'detached' })
    await page.close()
  })

  it('details open beside the conversation, Escape closes them, and the browser goes back through both on a phone', async () => {
    const wide = await ui.open('full')
    await openBob(wide)
    const details = wide.getByRole('button', { name: 'Conversation details', exact: true })
    await details.press('Enter')
    await wide.getByRole('complementary', { name: 'Conversation details' }).waitFor()
    expect(await details.getAttribute('aria-expanded')).toBe('true')
    expect(await wide.getByRole('log', { name: 'Messages' }).isVisible()).toBe(true)
    await wide.keyboard.press('Escape')
    await wide.getByRole('complementary').waitFor({ state: 'detached' })
    await wide.close()

    const phone = await ui.open('full', { width: 360, height: 740 })
    await openBob(phone)
    expect(await phone.getByRole('navigation', { name: 'Conversations' }).isVisible()).toBe(false)
    await phone.getByRole('button', { name: 'Conversation details', exact: true }).press('Enter')
    await phone.getByRole('complementary').waitFor()
    expect(await phone.getByRole('log').count()).toBe(0)
    await phone.goBack()
    await phone.getByRole('log').waitFor()
    await phone.goBack()
    await phone.getByRole('navigation', { name: 'Conversations' }).waitFor()
    await phone.close()
  })

  it('Control+K leads to the search, which filters by title whatever the accents', async () => {
    const page = await ui.open('full')
    await page.keyboard.press('Control+k')
    await page.keyboard.type('zoe')
    const links = page.getByRole('navigation', { name: 'Conversations' }).getByRole('link')
    await expect.poll(() => links.count()).toBe(1)
    expect(await links.first().innerText()).toMatch(/^Z/)
    await page.keyboard.press('Escape')
    await expect.poll(() => links.count()).toBe(4)
    await page.close()
  })

  it('settings: theme, language and switches by keyboard, nodes added and removed', async () => {
    const page = await ui.open('full', { hash: '#/settings' })
    await page.getByRole('radio', { name: 'Dark' }).press('Space')
    await expect.poll(() => page.locator('html').getAttribute('data-theme')).toBe('dark')
    await page.getByRole('switch', { name: 'Direct connections' }).press('Space')
    await expect
      .poll(() => page.evaluate(() => window.preview?.snapshot().settings.allowDirect))
      .toBe(false)

    const address = page.getByRole('textbox', { name: 'Node address' })
    await address.fill('rubbish')
    await page.keyboard.press('Enter')
    await page.getByText('This is not the address of a node').waitFor()
    await address.fill('/ip4/192.0.2.9/tcp/1/ws/p2p/12D3KooWNewNode')
    await page.getByRole('button', { name: 'Add node' }).press('Enter')
    const nodes = page.getByRole('list', { name: 'Nodes' }).getByRole('listitem')
    await expect.poll(() => nodes.count()).toBe(3)
    await nodes
      .last()
      .getByRole('button', { name: /^Remove node/ })
      .press('Enter')
    await expect.poll(() => nodes.count()).toBe(2)

    await page.getByRole('radio', { name: 'Français' }).press('Space')
    await page.getByRole('heading', { name: 'Réglages' }).waitFor()
    expect(await page.locator('html').getAttribute('lang')).toBe('fr')
    await page.close()
  })

  it('the screens outside the app report what the user wants', async () => {
    const failure = await ui.open('failure')
    await failure.getByRole('button', { name: 'Try again' }).press('Enter')
    expect(await failure.evaluate(() => window.previewCalls)).toEqual(['retry'])
    await failure.close()
    const other = await ui.open('other-tab')
    await other.getByRole('button', { name: 'Use DeadDrop here' }).press('Enter')
    expect(await other.evaluate(() => window.previewCalls)).toEqual(['use-here'])
    await other.close()
  })
})
