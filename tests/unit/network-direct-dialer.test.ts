import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDirectDialer, selectDirectAddresses } from '#replica/network/direct-dialer.ts'
import { createPeerConnectionBudget } from '#replica/network/peer-connection-budget.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'

const PIM = '12D3KooWAFZRjDG7uDM7A9MBN2uZDawtrJQCiVsUZ2XhurNVUS4Y'
const BOB = '12D3KooWEvsPVHJjjWfvXM3R9oJdygbpDteeVCKa7E97VWnXDBJE'
const CAROL = '12D3KooWBmwkafWE2fqfzS96VoTZgpGp6aJsF4N1bpPpJpGqnWqk'
const bobVia = (relay: string): string => `${relay}/p2p/${PIM}/p2p-circuit/webrtc/p2p/${BOB}`
const LOOPBACK_RELAY = '/ip4/127.0.0.1/tcp/9001/ws'
const PUBLIC_RELAY = '/dns4/pim.example/tcp/443/tls/ws'
const ADDRESSES = [bobVia(PUBLIC_RELAY)]

const hostile = fc
  .array(
    fc.constantFrom(
      'dns4',
      'ip4',
      'tcp',
      'tls',
      'ws',
      'p2p',
      PIM,
      BOB,
      'webrtc',
      'p2p-circuit',
      '1'
    )
  )
  .map((parts) => `/${parts.join('/')}`)

function createWorld() {
  const clock = createFakeClock()
  const stopped = new AbortController()
  const connected = new Set<string>()
  const closed: string[] = []
  const world = {
    clock,
    connected,
    closed,
    stopped,
    dials: 0,
    canDial: true,
    answer: (): Promise<void> => Promise.reject(new Error('ICE failed')),
    connect: (peerId = BOB, addresses: readonly string[] = ADDRESSES, signal?: AbortSignal) =>
      dialer.connect(peerId, addresses, signal ?? new AbortController().signal)
  }
  const dialer = createDirectDialer(
    {
      clock,
      links: {
        canDial: () => world.canDial,
        isConnected: (peerId) => connected.has(peerId),
        dial: () => {
          world.dials++
          return world.answer()
        },
        closeLimited: (peerId) => closed.push(peerId)
      }
    },
    stopped.signal
  )
  return world
}

describe('direct dialer', () => {
  it('closes the relayed connection once the direct one stands', async () => {
    const world = createWorld()
    world.answer = async () => {
      world.connected.add(BOB)
    }
    expect(await world.connect()).toBe(true)
    expect(world.closed).toEqual([BOB])
  })

  it('dials nothing when a direct connection stands already', async () => {
    const world = createWorld()
    world.connected.add(BOB)
    expect(await world.connect()).toBe(true)
    expect(world.dials).toBe(0)
  })

  it('counts it as success when the other side was faster', async () => {
    const world = createWorld()
    world.answer = async () => {
      world.connected.add(BOB)
      throw new Error('glare')
    }
    expect(await world.connect()).toBe(true)
  })

  it('waits longer after each failure of a peer', async () => {
    const world = createWorld()
    const dialedAt: number[] = []
    for (let second = 0; second < 40; second++) {
      const before = world.dials
      await world.connect()
      if (world.dials > before) {
        dialedAt.push(second)
      }
      await world.clock.advance(1_000)
    }
    expect(dialedAt).toEqual([0, 5, 15, 35])
  })

  it('stops all dials for ten minutes after six failures', async () => {
    const world = createWorld()
    const via = (peerId: string): string[] => ADDRESSES.map((text) => text.replace(BOB, peerId))
    for (const last of '123456') {
      const peerId = BOB.slice(0, -1) + last
      await world.connect(peerId, via(peerId))
    }
    world.answer = async () => {
      world.connected.add(CAROL)
    }
    expect(await world.connect(CAROL, via(CAROL))).toBe(false)
    expect(world.dials).toBe(6)
    await world.clock.advance(10 * 60_000)
    expect(await world.connect(CAROL, via(CAROL))).toBe(true)
  })

  it('shares one dial between two calls for one peer', async () => {
    const world = createWorld()
    const gate = Promise.withResolvers<undefined>()
    world.answer = async () => {
      await gate.promise
      world.connected.add(BOB)
    }
    const both = Promise.all([world.connect(), world.connect()])
    await world.clock.advance(0)
    gate.resolve(undefined)
    expect(await both).toEqual([true, true])
    expect(world.dials).toBe(1)
  })

  it('answers false in time when the dial hangs', async () => {
    const world = createWorld()
    world.answer = () => new Promise(() => undefined)
    const result = world.connect()
    await world.clock.advance(20_000)
    expect(await result).toBe(false)
  })

  it('answers false when the caller gives up, or the network stops', async () => {
    const world = createWorld()
    world.answer = () => new Promise(() => undefined)
    const caller = new AbortController()
    const result = world.connect(BOB, ADDRESSES, caller.signal)
    caller.abort()
    expect(await result).toBe(false)
    world.stopped.abort()
    expect(await world.connect(CAROL, ADDRESSES)).toBe(false)
  })

  it('dials nothing without WebRTC or budget', async () => {
    const world = createWorld()
    world.canDial = false
    expect(await world.connect()).toBe(false)
    expect(world.dials).toBe(0)
  })
})

describe('addresses that a contact sent', () => {
  const select = (texts: readonly string[], relays: readonly string[] = []): readonly string[] =>
    selectDirectAddresses(BOB, texts, { isConnected: (peerId) => relays.includes(peerId) }).map(
      String
    )

  it('are dialled through a public relay with TLS', () => {
    expect(select(ADDRESSES)).toEqual(ADDRESSES)
  })

  it('are dialled through any relay that we are connected to', () => {
    expect(select([bobVia(LOOPBACK_RELAY)], [PIM])).toEqual([bobVia(LOOPBACK_RELAY)])
  })

  it.each([
    ['a host in our own network', bobVia(LOOPBACK_RELAY)],
    ['a private name', bobVia('/dns4/printer.local/tcp/443/tls/ws')],
    ['a plain WebSocket', bobVia('/dns4/pim.example/tcp/80/ws')],
    ['another peer than the contact', bobVia(PUBLIC_RELAY).replace(BOB, CAROL)],
    ['no WebRTC', `${PUBLIC_RELAY}/p2p/${PIM}/p2p-circuit/p2p/${BOB}`],
    ['no relay', `/webrtc/p2p/${BOB}`],
    ['junk', 'not an address']
  ])('are ignored when they name %s', (_what, text) => {
    expect(select([text])).toEqual([])
  })

  it('never throw, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom(...ADDRESSES), hostile)),
        (texts) => {
          select(texts)
        }
      )
    )
  })

  it('are looked at up to eight', () => {
    expect(select(Array.from({ length: 100 }, () => bobVia(PUBLIC_RELAY)))).toHaveLength(8)
  })
})

describe('budget of RTCPeerConnections', () => {
  it('refuses the connection after the last', () => {
    const budget = createPeerConnectionBudget({ max: 2 })
    budget.take()
    expect(budget.isSpent).toBe(false)
    budget.take()
    expect(budget.isSpent).toBe(true)
    expect(() => {
      budget.take()
    }).toThrow('spent')
  })
})
