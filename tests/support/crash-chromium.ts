import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { launchBrowser } from './browser.ts'
import type {} from './crash-page/main.ts'
import { createCrashOrder, readAcknowledgement } from './crash-order.ts'
import type { CrashOrder } from './crash-order.ts'
import { chooseDeath, startCrashPeer } from './crash-peer.ts'
import type { Death } from './crash-peer.ts'
import { leaveHalfRecord, readLogEnd } from './level-log.ts'
import { createTestGate } from './replica-gate.ts'
import { withTempDir } from './temp-dir.ts'

/** Longest time in which a page must have said what it was let live for, ms. */
const MAX_LIFE_MS = 60_000

export interface ProfileReport {
  /** Acknowledged entries that were there at the end. */
  readonly acknowledged: number
  /** How often the whole database was gone, not only a part of it. */
  readonly resets: number
  /** Kills that left half a record at the end of the database's log, and how many of these were made by hand. */
  readonly halfRecords: number
  readonly plantedHalfRecords: number
}

/**
 * One profile whose browser is killed again and again while a page writes; each next page checks the store.
 *
 * @param init.url - serves the crash page.
 * @param init.halfRecordShare - 0..1: how often a kill that hit no write to the disk is made to look like one that did. One
 *   in some dozens does by itself, and it is what Chromium alone does not survive: see `openIdbStore`.
 */
export async function crashOneProfile(init: {
  readonly url: string
  readonly during: 'append' | 'catch-up'
  readonly kills: number
  readonly random: () => number
  readonly halfRecordShare: number
  readonly onKill: (entries: number) => void
}): Promise<ProfileReport> {
  const { url, during, kills, random, halfRecordShare, onKill } = init
  await using folder = await withTempDir()
  await using stack = new AsyncDisposableStack()
  const gate = createTestGate()
  const peer = during === 'append' ? undefined : await startCrashPeer(gate, stack)
  const order = createCrashOrder(gate)
  const acknowledged = new Map<number, string>()
  let resets = 0
  let halfRecords = 0
  let plantedHalfRecords = 0
  for (let kill = 0; ; kill++) {
    await using browser = await launchBrowser({ userDataDir: folder.path })
    const { page } = browser
    await page.goto(url)
    await page.waitForFunction(() => 'crashPage' in globalThis)
    if (acknowledged.size > 0 && (await page.evaluate(() => window.crashPage.isEmpty()))) {
      acknowledged.clear()
      resets++
    }
    const entries = await page.evaluate(
      ([told, arrivals]) => window.crashPage.check(told, arrivals),
      [order, [...acknowledged]] as const
    )
    if (kill > 0) onKill(entries)
    if (kill === kills)
      return { acknowledged: acknowledged.size, resets, halfRecords, plantedHalfRecords }

    await peer?.write()
    const death = chooseDeath(during, random)
    await writeUntil(page, death, { order, peerAddress: peer?.address, acknowledged })
    await browser.kill()

    const database = await findDatabase(folder.path)
    const isToPlant = random() < halfRecordShare
    if ((await readLogEnd(database)) === 'half') halfRecords++
    else if (isToPlant) {
      await leaveHalfRecord(database)
      halfRecords++
      plantedHalfRecords++
    }
  }
}

async function writeUntil(
  page: Page,
  { lines, delayMs }: Death,
  init: {
    readonly order: CrashOrder
    readonly peerAddress: string | undefined
    readonly acknowledged: Map<number, string>
  }
): Promise<void> {
  const { order, peerAddress, acknowledged } = init
  await new Promise<void>((resolve, reject) => {
    const lastMoment = setTimeout(() => {
      reject(new Error('the page stopped writing'))
    }, MAX_LIFE_MS)
    let count = 0
    page.on('console', (message) => {
      for (const line of message.text().split('\n')) {
        const told = readAcknowledgement(line)
        if (told === undefined) continue
        acknowledged.set(...told)
        if (count++ !== lines) continue
        clearTimeout(lastMoment)
        setTimeout(resolve, delayMs)
      }
    })
    page
      .evaluate(([told, peer]) => window.crashPage.write(told, peer), [order, peerAddress] as const)
      .catch(reject)
  })
}

/** The folder in which Chromium keeps all IndexedDB databases of the one origin that this profile knows. */
async function findDatabase(userDataDir: string): Promise<string> {
  const folder = join(userDataDir, 'Default', 'IndexedDB')
  const name = (await readdir(folder)).find((one) => one.endsWith('.indexeddb.leveldb'))
  if (name === undefined) throw new Error('the profile has no IndexedDB folder')
  return join(folder, name)
}
