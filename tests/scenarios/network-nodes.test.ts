import { MemoryDatastore } from 'datastore-core/memory'
import { Key } from 'interface-datastore'
import { describe, expect, it } from 'vitest'
import {
  addressOf,
  startClientNetwork,
  startDaemonNetwork,
  until,
  untilConnected
} from '#tests/support/network-peers.ts'

const PROTOCOL = '/deaddrop/test/1.0.0'

function portOf(address: string): number {
  return Number(/\/tcp\/(\d+)\/ws/.exec(address)?.[1])
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error)
  )
}

describe('a client', () => {
  it('connects to its node and sees it in the status', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await untilConnected(alice)
    await until('round-trip time is known', () => alice.status().peers[0]?.roundTripMs ?? null)
    expect(alice.status()).toMatchObject({
      peerId: alice.peerId,
      isOnline: true,
      peers: [
        { peerId: pim.peerId, transport: 'websocket', isLimited: false, direction: 'outbound' }
      ],
      nodes: [{ multiaddr: addressOf(pim), peerId: pim.peerId, state: 'connected', error: null }]
    })
    await until('node sees the client', () => pim.status().peers.length === 1)
    expect(pim.status().peers[0]).toMatchObject({ peerId: alice.peerId, direction: 'inbound' })
  })

  it('is told of changes, a burst of them once', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([])
    let changes = 0
    const connected = new Promise<void>((resolve) => {
      alice.addEventListener('change', ({ detail }) => {
        changes++
        if (detail.nodes[0]?.state === 'connected') {
          resolve()
        }
      })
    })
    for (let i = 0; i < 20; i++) {
      alice.setNodes([])
      alice.setNodes([addressOf(pim)])
    }
    await connected
    expect(changes).toBeLessThan(6)
  })

  it('keeps its peer id across restarts, and another store makes another', async () => {
    const datastore = new MemoryDatastore()
    const first = await startClientNetwork([], { datastore })
    await first.stop()
    await using second = await startClientNetwork([], { datastore })
    await using other = await startClientNetwork([])
    expect(second.peerId).toBe(first.peerId)
    expect(other.peerId).not.toBe(first.peerId)
  })

  it('refuses to start over a peer key that is not one', async () => {
    const datastore = new MemoryDatastore()
    await datastore.put(new Key('/deaddrop/peer-key'), new Uint8Array([1, 2, 3]))
    expect(await codeOf(startClientNetwork([], { datastore }))).toBe('storage-corrupt')
  })

  it('refuses malformed nodes at the start, and stops what it had started', async () => {
    expect(await codeOf(startClientNetwork(['nonsense']))).toBe('node-address-malformed')
  })

  it('stops twice without complaint, also while a dial is under way', async () => {
    const alice = await startClientNetwork(['/ip4/127.0.0.1/tcp/9/ws'])
    await Promise.all([alice.stop(), alice.stop()])
    await alice.stop()
    alice.wake()
    expect(alice.status().nodes[0]?.state).not.toBe('connected')
  })
})

describe('a node that restarts on its port with its key', () => {
  it('is found again without help, and its relay reservation comes back', async () => {
    const datastore = new MemoryDatastore()
    const pim = await startDaemonNetwork({ datastore })
    const address = addressOf(pim)
    await using alice = await startClientNetwork([address], { wantedRelays: 1 })
    const isReachable = (): boolean =>
      alice.status().multiaddrs.some((text) => text.includes('/p2p-circuit'))
    await untilConnected(alice)
    await until('reservation', isReachable)

    await pim.stop()
    await until('node is seen as gone', () => alice.status().nodes[0]?.state === 'unreachable')
    await until('address is withdrawn', () => !isReachable())
    await until('a redial failed', () => alice.status().nodes[0]?.error === 'refused')

    await using again = await startDaemonNetwork({ datastore, wsPort: portOf(address) })
    expect(again.peerId).toBe(pim.peerId)
    alice.wake()
    await untilConnected(alice)
    await until('reservation is back', isReachable)
  }, 60_000)

  it('is dialled again although nobody calls wake', async () => {
    const datastore = new MemoryDatastore()
    const pim = await startDaemonNetwork({ datastore })
    const address = addressOf(pim)
    await using alice = await startClientNetwork([address])
    await untilConnected(alice)
    await pim.stop()
    await until('a redial failed', () => alice.status().nodes[0]?.error === 'refused')
    await using again = await startDaemonNetwork({ datastore, wsPort: portOf(address) })
    await untilConnected(alice)
    await until('node sees the client', () => again.status().peers[0]?.peerId === alice.peerId)
  }, 60_000)
})

describe('an address at which', () => {
  it('somebody else answers is not accepted under the old name', async () => {
    const pim = await startDaemonNetwork()
    const address = addressOf(pim)
    await pim.stop()
    await using eve = await startDaemonNetwork({ wsPort: portOf(address) })
    await using alice = await startClientNetwork([address])
    await until('dial failed', () => alice.status().nodes[0]?.error ?? null)
    expect(alice.status().nodes[0]).toMatchObject({ error: 'identity-changed', peerId: pim.peerId })
    expect(alice.status().peers.map(({ peerId }) => peerId)).not.toContain(eve.peerId)
  })

  it('we listen ourselves is not dialled', async () => {
    await using pim = await startDaemonNetwork()
    pim.setNodes([addressOf(pim)])
    await until('dial failed', () => pim.status().nodes[0]?.error === 'self')
  })

  it('nobody is named teaches the peer id', async () => {
    await using pim = await startDaemonNetwork()
    const nameless = addressOf(pim).replace(/\/p2p\/.*/, '')
    await using alice = await startClientNetwork([nameless])
    await untilConnected(alice)
    expect(alice.status().nodes[0]?.peerId).toBe(pim.peerId)
  })

  it('a second daemon wants to listen is an error at its start', async () => {
    await using pim = await startDaemonNetwork()
    expect(await codeOf(startDaemonNetwork({ wsPort: portOf(addressOf(pim)) }))).toBe('internal')
  })
})

describe('a request', () => {
  const within = (timeoutMs: number) => ({
    maxAnswerBytes: 1_024,
    signal: AbortSignal.timeout(timeoutMs)
  })

  it('is answered with one message', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await untilConnected(alice)
    await pim.handle(PROTOCOL, { maxBytes: 100_000 }, async (message, from) =>
      new TextEncoder().encode(`${from} ${String(message.byteLength)}`)
    )
    for (const size of [0, 1, 100_000]) {
      const answer = await alice.request(pim.peerId, PROTOCOL, new Uint8Array(size), within(10_000))
      expect(new TextDecoder().decode(answer)).toBe(`${alice.peerId} ${String(size)}`)
    }
  })

  it('that is too large, or whose handler throws, fails and is counted; the next one is answered', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await untilConnected(alice)
    await pim.handle(PROTOCOL, { maxBytes: 10 }, async (message) => {
      if (message[0] === 1) {
        throw new Error('bug')
      }
      return message
    })
    const request = (message: Uint8Array) =>
      alice.request(pim.peerId, PROTOCOL, message, within(10_000))
    expect(await codeOf(request(new Uint8Array(11)))).toBe('node-misbehaved')
    expect(await codeOf(request(new Uint8Array([1])))).toBe('node-misbehaved')
    expect(await request(new Uint8Array([2]))).toEqual(new Uint8Array([2]))
    expect(pim.requestCounters()).toEqual({ refusedRequests: 1, failedHandlers: 1 })
  })

  it('that nobody answers ends with the deadline of the caller', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await untilConnected(alice)
    await pim.handle(PROTOCOL, { maxBytes: 10 }, () => new Promise(() => undefined))
    expect(await codeOf(alice.request(pim.peerId, PROTOCOL, new Uint8Array(1), within(300)))).toBe(
      'node-unreachable'
    )
  })

  it.each([
    ['oversized', [0xff, 0xff, 0xff, 0xff, 1, 2, 3]],
    ['cut', [0, 0, 0, 9, 1]],
    ['cut in its length', [0, 0]],
    ['followed by more', [0, 0, 0, 1, 7, 7, 7]],
    ['empty', []]
  ])('with an answer that is %s fails as node-misbehaved', async (_what, bytes) => {
    await using eve = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(eve)])
    await untilConnected(alice)
    await eve.libp2p.handle(PROTOCOL, async (stream) => {
      if (bytes.length > 0) {
        stream.send(new Uint8Array(bytes))
      }
      await stream.close()
    })
    expect(
      await codeOf(alice.request(eve.peerId, PROTOCOL, new Uint8Array(1), within(10_000)))
    ).toBe('node-misbehaved')
  })

  it('to a peer without the protocol, to nobody and to nonsense fails with a code', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await untilConnected(alice)
    const request = (peerId: string) =>
      codeOf(alice.request(peerId, PROTOCOL, new Uint8Array(1), within(5_000)))
    expect(await request(pim.peerId)).toBe('node-misbehaved')
    expect(await request('12D3KooWEvsPVHJjjWfvXM3R9oJdygbpDteeVCKa7E97VWnXDBJE')).toBe(
      'node-unreachable'
    )
    expect(await request('nonsense')).toBe('node-unreachable')
  })

  it('of which only half arrives does not reach the handler', async () => {
    await using pim = await startDaemonNetwork()
    await using eve = await startClientNetwork([addressOf(pim)])
    await untilConnected(eve)
    let calls = 0
    await pim.handle(PROTOCOL, { maxBytes: 100 }, async (message) => {
      calls++
      return message
    })
    const [connection] = eve.libp2p.getConnections()
    const stream = await connection?.newStream(PROTOCOL)
    stream?.send(new Uint8Array([0, 0, 0, 50, 1, 2, 3]))
    await stream?.close()
    await until('request is refused', () => pim.requestCounters().refusedRequests === 1)
    expect(calls).toBe(0)
  })
})
