import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WHATSAPP_ANDROID } from '#tests/support/archive-fixtures.ts'
import { openUiPreview } from '#tests/support/ui-preview-app.ts'
import type { Scene, UiPreview } from '#tests/support/ui-preview-app.ts'

interface Screen {
  readonly name: string
  readonly scene: Scene
  readonly hash?: string
  readonly reach?: (page: Page) => Promise<void>
}

const SCREENS: readonly Screen[] = [
  { name: 'first run', scene: 'first-run' },
  { name: 'first run, invited', scene: 'first-run', hash: '#/invite/abcdefghijkl' },
  { name: 'first run with a damaged invite', scene: 'first-run', hash: '#/invite/!' },
  { name: 'no conversation yet', scene: 'empty' },
  { name: 'list', scene: 'full' },
  {
    name: 'new conversation with an invite',
    scene: 'full',
    hash: '#/new',
    async reach(page) {
      await page.getByRole('button', { name: 'Invite someone' }).click()
      await page.getByRole('img', { name: 'Invite QR code' }).waitFor()
    }
  },
  {
    name: 'new conversation with a refused link',
    scene: 'full',
    hash: '#/new',
    async reach(page) {
      await page.getByRole('button', { name: 'Accept invite' }).click()
      await page.getByText('This is not a complete invite link').waitFor()
    }
  },
  {
    name: 'accepting while no node answers',
    scene: 'full',
    hash: '#/invite/abcdefghijkl',
    async reach(page) {
      await page.getByRole('list', { name: 'Steps' }).waitFor()
      await page.evaluate(() => {
        const [acceptance] = window.preview?.snapshot().acceptances ?? []
        if (acceptance !== undefined)
          window.preview?.levers.advance(acceptance.id, { error: 'invite-unreachable' })
      })
      await page.getByRole('button', { name: 'Retry now' }).waitFor()
    }
  },
  { name: 'conversation', scene: 'full', reach: openBob },
  {
    name: 'delivery trail',
    scene: 'full',
    async reach(page) {
      await openBob(page)
      await page.getByRole('button', { name: 'Delivery: Held by 1 node' }).click()
      await page.getByRole('dialog').waitFor()
    }
  },
  {
    name: 'conversation details',
    scene: 'full',
    async reach(page) {
      await openBob(page)
      await page.getByRole('button', { name: 'Conversation details', exact: true }).click()
      await page.getByRole('complementary').waitFor()
    }
  },
  {
    name: 'verification',
    scene: 'full',
    async reach(page) {
      await openBob(page)
      await page.getByRole('button', { name: 'Verification: not verified' }).click()
      await page.getByRole('list', { name: 'Safety words' }).waitFor()
    }
  },
  {
    name: 'verification with a code of somebody else',
    scene: 'full',
    async reach(page) {
      await openBob(page)
      await page.getByRole('button', { name: 'Verification: not verified' }).click()
      await page.getByRole('textbox', { name: 'Paste the code of Bob' }).fill('deaddrop-safety:eve')
      await page.getByRole('button', { name: 'Check code' }).click()
      await page.getByText('The keys do not match').waitFor()
    }
  },
  {
    name: 'a name that is known under another key',
    scene: 'namesakes',
    async reach(page) {
      await openBob(page)
      await page.getByRole('link', { name: 'Verify contact' }).waitFor()
    }
  },
  {
    name: 'verification of a name that is known under another key',
    scene: 'namesakes',
    async reach(page) {
      await openBob(page)
      await page.getByRole('link', { name: 'Verify contact' }).click()
      await page.getByRole('list', { name: 'Safety words' }).waitFor()
    }
  },
  {
    name: 'details of a verified contact',
    scene: 'namesakes',
    async reach(page) {
      await page.getByRole('link', { name: /^Carol Verified/ }).click()
      await page.getByRole('button', { name: 'Verification: verified' }).waitFor()
      await page.getByRole('button', { name: 'Conversation details', exact: true }).click()
      await page.getByRole('complementary').waitFor()
    }
  },
  {
    name: 'connection details while offline, with a problem',
    scene: 'problems',
    async reach(page) {
      await openBob(page)
      await page.getByRole('button', { name: 'Connection details' }).click()
      await page.getByRole('dialog').waitFor()
    }
  },
  { name: 'settings', scene: 'full', hash: '#/settings' },
  {
    name: 'settings with a file that was read',
    scene: 'full',
    hash: '#/settings',
    reach: chooseFile
  },
  {
    name: 'imported conversation with its details',
    scene: 'full',
    hash: '#/settings',
    async reach(page) {
      await chooseFile(page)
      await page.getByLabel('Which of these is you?').selectOption('Alice')
      await page.getByRole('button', { name: 'Import', exact: true }).click()
      await page.getByRole('link', { name: 'Open “Harbour”' }).click()
      await page.getByText('Happy new year!').waitFor()
      await page.getByRole('button', { name: 'Conversation details', exact: true }).click()
      await page.getByRole('complementary').waitFor()
    }
  },
  { name: 'failure', scene: 'failure' },
  { name: 'other tab', scene: 'other-tab' },
  { name: 'settings with a passphrase', scene: 'passphrase', hash: '#/settings' },
  {
    name: 'changing a passphrase, refused',
    scene: 'passphrase',
    hash: '#/settings',
    async reach(page) {
      await page.getByRole('button', { name: 'Change passphrase' }).click()
      await page.getByLabel('Current passphrase').fill('wrong')
      await page.getByLabel('New passphrase', { exact: true }).fill('four words are better')
      await page.getByLabel('Repeat the new passphrase').fill('four words are better')
      await page.getByRole('button', { name: 'Change passphrase' }).click()
      await page.getByText('This is not the passphrase').waitFor()
    }
  },
  { name: 'unlock screen', scene: 'locked' },
  {
    name: 'unlock screen after a wrong passphrase',
    scene: 'locked',
    async reach(page) {
      await page.getByLabel('Passphrase').fill('wrong')
      await page.getByRole('button', { name: 'Unlock' }).click()
      await page.getByText('This is not the passphrase').waitFor()
    }
  },
  { name: 'question before everything is deleted', scene: 'locked', reach: askWipe },
  {
    name: 'everything deleted',
    scene: 'locked',
    async reach(page) {
      await askWipe(page)
      await page.getByRole('button', { name: 'Delete everything', exact: true }).click()
      await page.getByRole('button', { name: 'Start anew' }).waitFor()
    }
  }
]

/** Scenes that are no part of the app and have no connection. */
const BARE_SCENES: readonly Scene[] = ['failure', 'other-tab', 'locked']

async function askWipe(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Delete everything on this device' }).click()
  await page.getByRole('alertdialog').waitFor()
}

async function openBob(page: Page): Promise<void> {
  await page.getByRole('link', { name: /^Bob/ }).first().click()
  await page.getByRole('article').last().waitFor()
}

async function chooseFile(page: Page): Promise<void> {
  await page.getByLabel('Choose a file…').setInputFiles({
    name: 'WhatsApp Chat with Harbour.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from(WHATSAPP_ANDROID)
  })
  await page.getByText('3 messages in 1 conversation, from WhatsApp.').last().waitFor()
}

describe('accessibility', () => {
  let ui: UiPreview
  let axe: string

  beforeAll(async () => {
    axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    ui = await openUiPreview()
  })
  afterAll(() => ui[Symbol.asyncDispose]())

  /** Rules of WCAG 2.2 A and AA and axe's best practices that the screen breaks. */
  async function violations(page: Page): Promise<readonly string[]> {
    await page.evaluate(axe)
    const results = await page.evaluate(async (): Promise<AxeResults> => window.axe.run(document))
    return results.violations.flatMap((violation) =>
      violation.nodes.map(
        (node) => `${violation.id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`
      )
    )
  }

  const looks = [
    { width: 360, height: 740, scheme: 'dark' },
    { width: 1440, height: 900, scheme: 'light' }
  ] as const
  for (const look of looks) {
    for (const screen of SCREENS) {
      it(`${screen.name} breaks no rule at ${look.width} px in ${look.scheme}`, async () => {
        const page = await ui.open(screen.scene, {
          ...look,
          ...(screen.hash === undefined ? {} : { hash: screen.hash })
        })
        await screen.reach?.(page)
        expect(await violations(page)).toEqual([])
        await page.close()
      })
    }
  }

  it('every screen shows exactly one connection chip, and nothing scrolls sideways at 320 px', async () => {
    for (const screen of SCREENS.filter(({ scene }) => !BARE_SCENES.includes(scene))) {
      for (const width of [320, 768, 1440]) {
        const page = await ui.open(screen.scene, {
          width,
          ...(screen.hash === undefined ? {} : { hash: screen.hash })
        })
        await screen.reach?.(page)
        const chips = page.locator('[role=status]:visible')
        expect(await chips.count(), `${screen.name} at ${width}`).toBe(1)
        expect(await chips.innerText()).toMatch(/^(Direct|Relayed|Via Tor|Connecting|Offline)$/)
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - innerWidth
        )
        expect(overflow, `${screen.name} at ${width}`).toBeLessThanOrEqual(0)
        await page.close()
      }
    }
  })

  it('the content security policy refuses nothing, and nothing is thrown or warned of', () => {
    expect(ui.complaints()).toEqual([])
  })
})
