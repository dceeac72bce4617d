import { randomBytes } from 'node:crypto'
import { expect, inject, it } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import { serveApp, withTempDir } from '#tests/support/browser.ts'
import { encodingsOf, findMarker, readFolder, recordTraffic } from '#tests/support/canary.ts'
import { meet } from '#tests/support/people.ts'

it('finds a marker in each of its encodings', () => {
  for (const [name, form] of encodingsOf('marker-0123456789')) {
    const haystack = Buffer.concat([Buffer.from('before '), form, Buffer.from(' after')])
    expect(findMarker(haystack, 'marker-0123456789')).toContain(name)
  }
})

it('a node never sees what is written or who writes: not on disk, in its log, over HTTP, or on the wire', async () => {
  const [text, aliceName, bobName] = ['text', 'Alice', 'Bob'].map(
    (what) => `${what} ${randomBytes(12).toString('hex')}`
  ) as [string, string, string] // three in, three out
  await using temp = await withTempDir()
  const dataDir = `${temp.path}/node`
  await using node = await spawnPinningNode({ dataDir })
  const [nodePort] = node.multiaddrs.flatMap(
    (address) => /\/tcp\/(\d+)\/ws/.exec(address)?.[1] ?? []
  )
  await using proxy = await recordTraffic(Number(nodePort))
  await using app = await serveApp({
    config: {
      nodes: [`/ip4/127.0.0.1/tcp/${proxy.port}/ws/p2p/${node.peerId}`],
      iceServers: []
    },
    directory: inject('appDirectory')
  })
  await using alice = await meet({ userDataDir: `${temp.path}/alice`, url: app.url })
  await using bob = await meet({ userDataDir: `${temp.path}/bob`, url: 'about:blank' })
  await alice.introduce(aliceName)
  const link = await alice.invite()
  await alice.inviteIsHeld()
  await bob.openLink(link, bobName)
  await bob.say(text)
  await alice.openConversation(bobName)
  await alice.reads(text)
  await bob.lastStatus(/Delivered|Read/)
  await alice.say(`answer to ${text}`)
  await bob.reads(`answer to ${text}`)
  // Known to the node before it stops: it has the sealed log, so the search below is not one in nothing.
  await alice.lastStatus(/Delivered|Read/)

  const http = await Promise.all(
    ['/healthz', '/api/v1/info', '/'].map(async (path) =>
      (await fetch(`${node.http}${path}`)).text()
    )
  )
  await node.stop()
  const places: Readonly<Record<string, Buffer>> = {
    disk: await readFolder(dataDir),
    log: Buffer.from(node.lines.join('\n')),
    http: Buffer.from(http.join('\n')),
    wire: proxy.recorded()
  }
  expect(places['disk']?.includes('/orbitdb/')).toBe(true)
  expect(places['wire']?.length).toBeGreaterThan(10_000)
  for (const [place, bytes] of Object.entries(places)) {
    for (const marker of [text, aliceName, bobName]) {
      expect(findMarker(bytes, marker), place).toEqual([])
    }
    // The link's secret part never leaves the two browsers either.
    expect(bytes.includes(link.slice(link.lastIndexOf('/') + 1)), place).toBe(false)
  }
})
