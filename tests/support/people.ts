import type { Locator, Page } from 'playwright-core'
import { launchBrowser } from './browser.ts'

/** One person in front of one browser, who knows the app by its roles and names only. */
export interface Person extends AsyncDisposable {
  readonly page: Page
  /** Closes the browser; the profile stays on disk. */
  leave(): Promise<void>
  /** SIGKILL, as a crash. */
  kill(): Promise<void>
  /** First run: name, button. */
  introduce(name: string): Promise<void>
  /** @returns the invite link on the screen. */
  invite(): Promise<string>
  /** Waits until the invite works without this browser. */
  inviteIsHeld(): Promise<void>
  /** Opens a link as from a mail; gives a name when asked. */
  openLink(link: string, name?: string): Promise<void>
  openConversation(title: string): Promise<void>
  say(text: string): Promise<void>
  /** Waits for a message with exactly this text. */
  reads(text: string): Promise<void>
  /** Texts of all messages in the open conversation, top to bottom. */
  texts(): Promise<string[]>
  /** Waits until the newest message, which is an own one, says one of these. */
  lastStatus(status: RegExp): Promise<void>
  /** Waits until the connection chip says exactly this. */
  chip(text: string): Promise<void>
  /** Candidate types of the selected ICE pairs of all RTCPeerConnections of the page. */
  selectedIcePairs(): Promise<{ local: string; remote: string }[]>
}

const TIMEOUT_MS = 60_000

/** Runs in the page before the app: remembers its RTCPeerConnections, so that a test can ask ICE itself. */
function rememberPeerConnections(): void {
  const made: RTCPeerConnection[] = []
  Object.assign(globalThis, { peerConnections: made })
  const Original = globalThis.RTCPeerConnection
  globalThis.RTCPeerConnection = new Proxy(Original, {
    construct(target, args: ConstructorParameters<typeof RTCPeerConnection>) {
      const connection = new target(...args)
      made.push(connection)
      return connection
    }
  })
}

export async function meet(init: {
  readonly userDataDir: string
  readonly url: string
  readonly viewport?: { readonly width: number; readonly height: number }
}): Promise<Person> {
  const profile = await launchBrowser({
    userDataDir: init.userDataDir,
    ...(init.viewport === undefined ? {} : { viewport: init.viewport })
  })
  const { page, context } = profile
  page.setDefaultTimeout(TIMEOUT_MS)
  await context.addInitScript(rememberPeerConnections)
  await page.goto(init.url)

  const messages = (): Locator => page.getByRole('log', { name: 'Messages' }).getByRole('article')

  async function untilTrue(look: () => Promise<boolean>, what: string): Promise<void> {
    const end = Date.now() + TIMEOUT_MS
    while (!(await look())) {
      if (Date.now() > end) throw new Error(`waited ${TIMEOUT_MS} ms for: ${what}`)
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)))
    }
  }

  async function introduce(name: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Your name' }).fill(name)
    await page.getByRole('button', { name: 'Create identity' }).click()
  }

  return {
    page,
    introduce,

    async invite() {
      const button = page.getByRole('button', { name: 'Invite someone' })
      const field = page.getByRole('textbox', { name: 'Invite link', exact: true })
      await button
        .or(field)
        .or(page.getByRole('button', { name: 'New conversation' }))
        .first()
        .waitFor()
      if (!(await button.isVisible()) && !(await field.isVisible())) {
        await page.getByRole('button', { name: 'New conversation' }).click()
        await button.or(field).first().waitFor()
      }
      if (!(await field.isVisible())) await button.click()
      await untilTrue(
        async () => (await field.inputValue()).includes('#/invite/'),
        'an invite link'
      )
      return field.inputValue()
    },

    async inviteIsHeld() {
      await page
        .getByText(/held by \d+ node/i)
        .first()
        .waitFor()
    },

    async openLink(link, name) {
      await page.goto('about:blank')
      await page.goto(link)
      if (name !== undefined) await introduce(name)
      await page.getByRole('textbox', { name: 'Message', exact: true }).waitFor()
    },

    async openConversation(title) {
      await page
        .getByRole('navigation', { name: 'Conversations' })
        .getByRole('link', { name: title })
        .first()
        .click()
      await page.getByRole('textbox', { name: 'Message', exact: true }).waitFor()
    },

    async say(text) {
      const box = page.getByRole('textbox', { name: 'Message', exact: true })
      await box.fill(text)
      await page.getByRole('button', { name: 'Send' }).click()
      // The field empties at once; the message is in the list when it is on disk.
      await messages().last().getByText(text, { exact: true }).waitFor()
    },

    async reads(text) {
      await messages().getByText(text, { exact: true }).first().waitFor()
    },

    texts: () => messages().locator('.text').allInnerTexts(),

    async lastStatus(status) {
      await untilTrue(async () => status.test(await messages().last().innerText()), String(status))
    },

    async chip(text) {
      await page
        .getByRole('status')
        .filter({ hasText: new RegExp(`^\\s*${text}\\s*$`) })
        .first()
        .waitFor()
    },

    async selectedIcePairs() {
      const reports = await page.evaluate(readIceReports)
      return reports.flatMap((stats) => {
        const byId = new Map(stats.map((report) => [report.id, report]))
        return stats.flatMap(({ selectedCandidatePairId: id }) => {
          const pair = id === undefined ? undefined : byId.get(id)
          if (pair === undefined) return []
          const typeOf = (candidate: string | undefined): string =>
            byId.get(candidate ?? '')?.candidateType ?? 'unknown'
          return [{ local: typeOf(pair.localCandidateId), remote: typeOf(pair.remoteCandidateId) }]
        })
      })
    },

    leave: () => profile.close(),
    kill: () => profile.kill(),
    [Symbol.asyncDispose]: () => profile.close()
  }
}

/** The fields of WebRTC statistics that say which way a connection takes. */
interface IceReport {
  readonly id: string
  readonly selectedCandidatePairId?: string
  readonly localCandidateId?: string
  readonly remoteCandidateId?: string
  readonly candidateType?: string
}

/** Runs in the page: the statistics of every connected RTCPeerConnection. */
async function readIceReports(): Promise<IceReport[][]> {
  const connections = Reflect.get(globalThis, 'peerConnections') as RTCPeerConnection[] // set by rememberPeerConnections
  const open = connections.filter((connection) => connection.connectionState === 'connected')
  return Promise.all(
    open.map(async (connection) => {
      const reports: IceReport[] = []
      const stats = await connection.getStats()
      stats.forEach((report: IceReport) => {
        const { id, selectedCandidatePairId, localCandidateId, remoteCandidateId, candidateType } =
          report
        reports.push({
          id,
          ...(selectedCandidatePairId === undefined ? {} : { selectedCandidatePairId }),
          ...(localCandidateId === undefined ? {} : { localCandidateId }),
          ...(remoteCandidateId === undefined ? {} : { remoteCandidateId }),
          ...(candidateType === undefined ? {} : { candidateType })
        })
      })
      return reports
    })
  )
}
