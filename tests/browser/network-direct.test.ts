import { MemoryDatastore } from 'datastore-core/memory'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PeerLink } from '#replica/replica.ts'
import { type BrowserProfile, launchBrowser, withTempDir } from '../support/browser.ts'
import type {} from '../support/network-page/main.ts'
import { servePage } from '../support/page-server.ts'
import { addressOf, startDaemonNetwork, until } from '../support/network-peers.ts'

const TOPIC = 'a-log'

let url: string
let browser: BrowserProfile
const cleanUp = new AsyncDisposableStack()

beforeAll(async () => {
  url = cleanUp.use(await servePage('network-page')).url
  const { path } = cleanUp.use(await withTempDir())
  browser = cleanUp.use(await launchBrowser({ userDataDir: path }))
})

afterAll(async () => {
  await cleanUp.disposeAsync()
})

interface Person extends AsyncDisposable {
  readonly page: Page
  readonly peerId: string
}

async function openPerson(
  nodes: readonly string[],
  init: { readonly allowDirect: boolean; readonly query?: string } = { allowDirect: true }
): Promise<Person> {
  const page = await browser.context.newPage()
  await page.goto(`${url}${init.query ?? ''}`)
  await page.waitForFunction(() => 'networkPage' in window)
  const peerId = await page.evaluate(
    ([addresses, allowDirect]) => window.networkPage.start(addresses, { allowDirect }),
    [nodes, init.allowDirect] as const
  )
  return { page, peerId, [Symbol.asyncDispose]: () => page.close() }
}

function linksTo(person: Person, peerId: string): Promise<readonly PeerLink[]> {
  return person.page.evaluate(
    (id) => window.networkPage.status().peers.filter((link) => link.peerId === id),
    peerId
  )
}

/** The addresses under which a person can be reached over WebRTC through a node. */
function directAddresses(person: Person): Promise<readonly string[]> {
  return until('page has a relayed WebRTC address', async () => {
    const { multiaddrs } = await person.page.evaluate(() => window.networkPage.status())
    const direct = multiaddrs.filter((text) => text.includes('/p2p-circuit/webrtc'))
    return direct.length > 0 ? direct : null
  })
}

async function connectDirect(from: Person, to: Person): Promise<boolean> {
  const addresses = await directAddresses(to)
  return from.page.evaluate(
    ([peerId, multiaddrs]) => window.networkPage.connectDirect(peerId, multiaddrs, 20_000),
    [to.peerId, addresses] as const
  )
}

async function untilDirectOnly(person: Person, other: Person): Promise<void> {
  await until('one unlimited WebRTC link is left', async () => {
    const links = await linksTo(person, other.peerId)
    return (
      links.length > 0 &&
      links.every(({ transport, isLimited }) => transport === 'webrtc' && !isLimited)
    )
  })
}

async function say(from: Person, to: Person, text: string): Promise<void> {
  await until('the other side listens', () =>
    from.page.evaluate((topic) => window.networkPage.subscribers(topic) > 0, TOPIC)
  )
  await until(`${text} is heard`, async () => {
    await from.page.evaluate(([topic, line]) => window.networkPage.publish(topic, line), [
      TOPIC,
      text
    ] as const)
    return to.page.evaluate((line) => window.networkPage.heard().includes(line), text)
  })
}

describe('two pages with one node', () => {
  it('talk over WebRTC, proven by the selected ICE pair, also after the node is gone', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await openPerson([addressOf(pim)])
    await using bob = await openPerson([addressOf(pim)])
    for (const { page } of [alice, bob]) {
      await page.evaluate((topic) => window.networkPage.listen(topic), TOPIC)
    }

    expect(await connectDirect(alice, bob)).toBe(true)
    await untilDirectOnly(alice, bob)
    await untilDirectOnly(bob, alice)
    for (const { page } of [alice, bob]) {
      const pairs = await page.evaluate(() => window.networkPage.selectedPairs())
      expect(pairs).toHaveLength(1)
      expect(pairs[0]?.state).toBe('succeeded')
      expect([pairs[0]?.localType, pairs[0]?.remoteType]).not.toContain('relay')
      // Never the third parties that the library names.
      expect(await page.evaluate(() => window.networkPage.iceServers())).toEqual([])
    }

    await pim.stop()
    await until('the node is seen as gone', () =>
      alice.page.evaluate(() => window.networkPage.status().nodes[0]?.state === 'unreachable')
    )
    await say(alice, bob, 'from alice without a node')
    await say(bob, alice, 'from bob without a node')
  })

  it('that dial each other at the same moment both end up direct', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await openPerson([addressOf(pim)])
    await using bob = await openPerson([addressOf(pim)])
    await Promise.all([directAddresses(alice), directAddresses(bob)])
    expect(await Promise.all([connectDirect(alice, bob), connectDirect(bob, alice)])).toEqual([
      true,
      true
    ])
    await untilDirectOnly(alice, bob)
    await untilDirectOnly(bob, alice)
    for (const { page } of [alice, bob]) {
      await page.evaluate((topic) => window.networkPage.listen(topic), TOPIC)
    }
    await pim.stop()
    await say(alice, bob, 'after the crossing')
  })

  it('become direct ten times in a row', async () => {
    await using pim = await startDaemonNetwork()
    for (let round = 0; round < 10; round++) {
      await using alice = await openPerson([addressOf(pim)])
      await using bob = await openPerson([addressOf(pim)])
      expect(await connectDirect(alice, bob)).toBe(true)
    }
  })
})

describe('a page', () => {
  it.each([
    ['where direct connections are switched off', { allowDirect: false }],
    ['without RTCPeerConnection', { allowDirect: true, query: '?without-webrtc' }]
  ])('%s works through its node and makes no peer connection', async (_what, init) => {
    await using pim = await startDaemonNetwork()
    await using bob = await openPerson([addressOf(pim)])
    await using alice = await openPerson([addressOf(pim)], init)
    await until('node is connected', () =>
      alice.page.evaluate(() => window.networkPage.status().nodes[0]?.state === 'connected')
    )
    expect(await connectDirect(alice, bob)).toBe(false)
    expect(await alice.page.evaluate(() => window.networkPage.peerConnections())).toBe(0)
    expect(await alice.page.evaluate(() => window.networkPage.status().multiaddrs)).toEqual([])
  })

  it('finds its node again when the node restarts, and can be reached again', async () => {
    const datastore = new MemoryDatastore()
    const pim = await startDaemonNetwork({ datastore })
    const address = addressOf(pim)
    await using alice = await openPerson([address])
    await directAddresses(alice)
    await pim.stop()
    await until('address is withdrawn', () =>
      alice.page.evaluate(() => window.networkPage.status().multiaddrs.length === 0)
    )
    const wsPort = Number(/\/tcp\/(\d+)\/ws/.exec(address)?.[1])
    await using again = await startDaemonNetwork({ datastore, wsPort })
    expect(again.peerId).toBe(pim.peerId)
    await alice.page.evaluate(() => dispatchEvent(new Event('online')))
    await directAddresses(alice)
  })
})
