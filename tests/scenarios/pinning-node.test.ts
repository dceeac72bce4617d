import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { peerIdFromString } from '@libp2p/peer-id'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { SpawnedPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import type { PinOutcome } from '#pinning/pin-client.ts'
import type { EntryHash } from '#protocol/brand.ts'
import { MAX_PIN_MESSAGE_BYTES } from '#protocol/limits.ts'
import { decodePinAnswer, encodePinRequest } from '#protocol/pin-codec.ts'
import type { PinAnswer, PinReceipt, PinRequest } from '#protocol/pin-messages.ts'
import { PIN_PROTOCOL } from '#protocol/protocol-ids.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { startClientNetwork, untilConnected } from '#tests/support/network-peers.ts'
import type { GatedLog } from '#tests/support/pin-fixtures.ts'
import { gatedLog, peerWithKey, sealedText } from '#tests/support/pin-fixtures.ts'
import type { PinningClient } from '#tests/support/pinning-clients.ts'
import { startPinningClient } from '#tests/support/pinning-clients.ts'
import { runPinningNode, startPim } from '#tests/support/pinning-node-process.ts'
import type { TempDir } from '#tests/support/temp-dir.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

// Processes start slowly on a machine that is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const DAY_MS = 86_400_000

function soon(ms = 15_000): AbortSignal {
  return AbortSignal.timeout(ms)
}

function receiptOf(outcome: PinOutcome): PinReceipt {
  if (outcome.kind !== 'held') throw new Error(`not held: ${JSON.stringify(outcome)}`)
  return outcome.receipt.receipt
}

/** Alice writes; then the node is asked to hold the log with everything in it. */
async function writeAndPin(
  client: PinningClient,
  node: SpawnedPinningNode,
  log: GatedLog,
  texts: readonly string[]
): Promise<{ readonly outcome: PinOutcome; readonly hashes: readonly EntryHash[] }> {
  const writer = log.admit(1)
  const opened = await client.replica.open(log.manifest, { writer })
  const hashes: EntryHash[] = []
  for (const text of texts) hashes.push((await opened.append(sealedText(text))).hash)
  const outcome = await client.pins.pin(
    {
      peerId: node.peerId,
      manifest: log.manifest,
      kind: 'conversation',
      writer,
      heads: await opened.heads(),
      holdForMs: DAY_MS
    },
    { signal: soon() }
  )
  return { outcome, hashes }
}

async function textsOf(log: SealedLog): Promise<string[]> {
  const texts: string[] = []
  for await (const { sealed } of log.entries()) texts.push(new TextDecoder().decode(sealed))
  return texts
}

async function ask(
  client: PinningClient,
  node: SpawnedPinningNode,
  message: Uint8Array
): Promise<PinAnswer> {
  const options = { maxAnswerBytes: MAX_PIN_MESSAGE_BYTES, signal: soon() }
  return decodePinAnswer(await client.replica.request(node.peerId, PIN_PROTOCOL, message, options))
}

function requestFor(
  log: GatedLog,
  node: SpawnedPinningNode,
  change: Partial<PinRequest> = {}
): PinRequest {
  const { publicKey, certificate } = log.admit(1)
  return {
    manifest: log.manifest,
    kind: 'conversation',
    node: node.peerId,
    nonce: '0123456789abcdef'.repeat(2),
    holdForMs: DAY_MS,
    heads: [],
    writer: publicKey,
    certificate,
    ...change
  }
}

describe('a node that holds logs', () => {
  let dir: TempDir
  let node: SpawnedPinningNode
  let alice: PinningClient

  beforeAll(async () => {
    dir = await withTempDir('pim-')
    node = await startPim(dir.path, ['--max-logs', '40'])
    alice = await startPinningClient(node.multiaddrs)
  })
  afterAll(async () => {
    await alice[Symbol.asyncDispose]()
    await node.stop()
    await dir[Symbol.asyncDispose]()
  })

  it('says first that it is ready, and where', () => {
    expect(node.lines).toHaveLength(1)
    const ready: unknown = JSON.parse(node.lines[0] ?? '')
    expect(Object.keys(ready ?? {})).toEqual(['event', 'peerId', 'multiaddrs', 'http'])
    expect(node.peerId).toMatch(/^12D3KooW/)
    expect(node.multiaddrs).not.toEqual([])
    for (const multiaddr of node.multiaddrs) expect(multiaddr).toMatch(`/p2p/${node.peerId}`)
    expect(node.http).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
  })

  it('tells over HTTP that it is well, and who it is', async () => {
    const health = await fetch(`${node.http}/healthz`)
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
    const info: unknown = await (await fetch(`${node.http}/api/v1/info`)).json()
    expect(info).toMatchObject({
      peerId: node.peerId,
      multiaddrs: node.multiaddrs,
      version: '0.1.0',
      limits: { maxLogs: 40, drop: { maxEntries: 1_000 } }
    })
  })

  it('signs for the head that it was given', async () => {
    const log = gatedLog(1)
    const { outcome, hashes } = await writeAndPin(alice, node, log, ['one', 'two', 'three'])
    const receipt = receiptOf(outcome)
    expect(receipt).toMatchObject({ node: node.peerId, log: log.address, entries: 3 })
    expect(receipt.heads).toEqual(hashes.slice(-1))
    expect(receipt.bytes).toBeGreaterThan(0)
    expect(receipt.heldUntilMs).toBeGreaterThan(Date.now() + DAY_MS - 60_000)
    expect(receipt.heldUntilMs).toBeLessThanOrEqual(Date.now() + DAY_MS)
  })

  it('gives everything to a late-comer after the writer has gone', async () => {
    const log = gatedLog(2)
    const texts = Array.from({ length: 50 }, (_, i) => `message ${i}`)
    let hashes: readonly EntryHash[]
    {
      await using bob = await startPinningClient(node.multiaddrs)
      const written = await writeAndPin(bob, node, log, texts)
      expect(receiptOf(written.outcome).entries).toBe(50)
      hashes = written.hashes
    }
    await using carol = await startPinningClient(node.multiaddrs)
    const opened = await carol.replica.open(log.manifest)
    await carol.replica.waitFor(log.address, hashes, soon())
    expect(await textsOf(opened)).toEqual(texts)
  })

  it('follows a log that it holds: what is written later is there too', async () => {
    const log = gatedLog(3)
    await writeAndPin(alice, node, log, ['one'])
    const { outcome, hashes } = await writeAndPin(alice, node, log, ['two'])
    expect(receiptOf(outcome)).toMatchObject({ entries: 2, heads: hashes })
  })

  it('answers a request once', async () => {
    const log = gatedLog(4)
    const message = await encodePinRequest(requestFor(log, node), log.admit(1))
    expect((await ask(alice, node, message)).kind).toBe('held')
    expect(await ask(alice, node, message)).toEqual({ kind: 'refuse', status: 'replayed' })
  })

  it('refuses a request for another node', async () => {
    const log = gatedLog(5)
    const request = requestFor(log, node, { node: peerWithKey(9).peerId })
    const message = await encodePinRequest(request, log.admit(1))
    expect(await ask(alice, node, message)).toEqual({ kind: 'refuse', status: 'wrong-node' })
  })

  it('refuses a writer with a forged certificate', async () => {
    const log = gatedLog(6)
    const { certificate } = gatedLog(7).admit(1)
    const message = await encodePinRequest(requestFor(log, node, { certificate }), log.admit(1))
    expect(await ask(alice, node, message)).toEqual({ kind: 'refuse', status: 'bad-signature' })
  })

  it('goes on serving whatever is sent on the pin protocol', async () => {
    await using eve = await startClientNetwork(node.multiaddrs)
    const id = peerIdFromString(node.peerId)
    await untilConnected(eve)
    const junk = [
      new Uint8Array(0),
      Uint8Array.of(0),
      globalThis.crypto.getRandomValues(new Uint8Array(1_000)),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3),
      new Uint8Array(200_000).fill(0xa1)
    ]
    for (const bytes of junk) {
      const stream = await eve.libp2p.dialProtocol(id, PIN_PROTOCOL)
      stream.send(bytes)
      await stream.close({ signal: soon() }).catch(() => undefined)
    }
    // Never ending: announced, begun, left open.
    for (let i = 0; i < 20; i++) {
      const stream = await eve.libp2p.dialProtocol(id, PIN_PROTOCOL)
      stream.send(Uint8Array.of(0, 0, 1, 0, 7))
    }
    for (const length of [1, 500, MAX_PIN_MESSAGE_BYTES]) {
      const options = { maxAnswerBytes: MAX_PIN_MESSAGE_BYTES, signal: soon() }
      const message = globalThis.crypto.getRandomValues(new Uint8Array(length))
      const answer = await eve.request(node.peerId, PIN_PROTOCOL, message, options)
      expect(decodePinAnswer(answer)).toEqual({ kind: 'refuse', status: 'malformed' })
    }
    const { outcome } = await writeAndPin(alice, node, gatedLog(8), ['after the attack'])
    expect(receiptOf(outcome).entries).toBe(1)
    expect((await fetch(`${node.http}/healthz`)).status).toBe(200)
  })

  it('takes no more logs than it was told, and keeps those that it has', async () => {
    const outcomes: PinOutcome[] = []
    for (let n = 100; n < 140; n++) {
      outcomes.push((await writeAndPin(alice, node, gatedLog(n), [])).outcome)
    }
    expect(outcomes.at(-1)).toEqual({ kind: 'refused', status: 'over-quota' })
    expect(receiptOf((await writeAndPin(alice, node, gatedLog(1), ['four'])).outcome).entries).toBe(
      4
    )
  })

  it('refuses a second node on its folder, and goes on', async () => {
    const second = await runPinningNode(['--data', dir.path, '--ws-port', '0', '--http-port', '0'])
    expect(second.code).toBe(3)
    expect(second.stderr).toContain('the data folder is in use by another node')
    expect(second.stdout).toBe('')
    expect((await fetch(`${node.http}/healthz`)).status).toBe(200)
  })

  it('says why when a port is taken', async () => {
    await using other = await withTempDir('pim-')
    const httpPort = new URL(node.http).port
    const http = await runPinningNode([
      '--data',
      other.path,
      '--ws-port',
      '0',
      '--http-port',
      httpPort
    ])
    expect([http.code, http.stderr]).toEqual([
      1,
      `pinning-node: HTTP cannot listen on port ${httpPort} of 127.0.0.1 (EADDRINUSE)\n`
    ])
    const wsPort = /\/tcp\/(\d+)\/ws/.exec(node.multiaddrs.join(' '))?.[1] ?? ''
    const ws = await runPinningNode(['--data', other.path, '--ws-port', wsPort, '--http-port', '0'])
    expect(ws.code).toBe(1)
    expect(ws.stderr).toContain('cannot listen: is the port in use?')
  })
})

describe('a node that stops', () => {
  it('leaves with 0 at SIGTERM, and is the same peer with the same logs afterwards', async () => {
    await using dir = await withTempDir('pim-')
    const log = gatedLog(1)
    const first = await startPim(dir.path)
    let hashes: readonly EntryHash[]
    {
      await using alice = await startPinningClient(first.multiaddrs)
      hashes = (await writeAndPin(alice, first, log, ['one', 'two'])).hashes
    }
    expect(await first.stop()).toBe(0)
    expect(first.lines.slice(1)).toEqual(['{"event":"stopping"}', '{"event":"stopped"}'])
    await expect(fetch(`${first.http}/healthz`)).rejects.toThrow()

    await using second = await startPim(dir.path)
    expect(second.peerId).toBe(first.peerId)
    await using carol = await startPinningClient(second.multiaddrs)
    const opened = await carol.replica.open(log.manifest)
    await carol.replica.waitFor(log.address, hashes, soon())
    expect(await textsOf(opened)).toEqual(['one', 'two'])
  })

  it('holds after SIGKILL what it signed for', async () => {
    await using dir = await withTempDir('pim-')
    const log = gatedLog(1)
    const first = await startPim(dir.path)
    let hashes: readonly EntryHash[]
    {
      await using alice = await startPinningClient(first.multiaddrs)
      const texts = Array.from({ length: 20 }, (_, i) => `message ${i}`)
      const written = await writeAndPin(alice, first, log, texts)
      expect(receiptOf(written.outcome).entries).toBe(20)
      hashes = written.hashes
      await first.kill()
    }
    await using second = await startPim(dir.path)
    await using carol = await startPinningClient(second.multiaddrs)
    const opened = await carol.replica.open(log.manifest)
    await carol.replica.waitFor(log.address, hashes, soon())
    expect(await textsOf(opened)).toHaveLength(20)
  })

  it('keeps no text of a peer in what it prints, and no address of one', async () => {
    await using dir = await withTempDir('pim-')
    const node = await startPim(dir.path)
    const log = gatedLog(1)
    {
      await using alice = await startPinningClient(node.multiaddrs)
      await writeAndPin(alice, node, log, ['canary-5a1e'])
      expect(await node.stop()).toBe(0)
      const printed = node.lines.slice(1).join('\n')
      for (const secret of ['canary-5a1e', alice.replica.peerId, log.address, log.manifest.name]) {
        expect(printed).not.toContain(secret)
      }
    }
  })
})

describe('the program of the node', () => {
  it('prints its help and its version, and leaves', async () => {
    const help = await runPinningNode(['--help'])
    expect([help.code, help.stderr]).toEqual([0, ''])
    expect(help.stdout).toContain('--data DIR')
    expect(await runPinningNode(['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' })
  })

  it.each([
    [[], '--data is missing: it needs a folder'],
    [
      ['--data', 'x', '--ws-port', 'eighty'],
      '--ws-port needs a port number in 0..65535 (0 for any free one), got "eighty"'
    ],
    [['--data', 'x', '--verbose'], 'unknown argument "--verbose", try --help']
  ])('refuses %j', async (args, reason) => {
    expect(await runPinningNode(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: `pinning-node: ${reason}\n`
    })
  })

  it('says why when its folder is a file', async () => {
    await using dir = await withTempDir('pim-')
    const file = join(dir.path, 'file')
    await writeFile(file, '')
    const { code, stderr } = await runPinningNode(['--data', file])
    expect([code, stderr]).toEqual([1, 'pinning-node: data folder cannot be made (EEXIST)\n'])
  })
})
