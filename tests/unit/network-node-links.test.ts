import { describe, expect, it } from 'vitest'
import { isDeadDropError } from '#protocol/errors.ts'
import { createNodeLinks, type NodeDialer, type NodeLinks } from '#replica/network/node-links.ts'
import { createFakeClock, type FakeClock } from '#tests/support/network-clock.ts'

const PIM = '12D3KooWAFZRjDG7uDM7A9MBN2uZDawtrJQCiVsUZ2XhurNVUS4Y'
const EVE = '12D3KooWEvsPVHJjjWfvXM3R9oJdygbpDteeVCKa7E97VWnXDBJE'
const PIM_ADDRESS = `/ip4/127.0.0.1/tcp/9001/ws/p2p/${PIM}`
const NAMELESS_ADDRESS = '/dns4/pim.example/tcp/443/tls/ws'

interface World {
  readonly links: NodeLinks
  readonly clock: FakeClock
  readonly connected: Set<string>
  readonly dialedAtMs: number[]
  readonly released: string[]
  /** What the next dials do. */
  answer: (signal: AbortSignal) => Promise<string>
}

function createWorld(random = 0): World {
  const clock = createFakeClock(0)
  const connected = new Set<string>()
  const dialedAtMs: number[] = []
  const released: string[] = []
  const dialer: NodeDialer = {
    dial: (_address, signal) => {
      dialedAtMs.push(clock.now())
      return world.answer(signal)
    },
    isConnected: (peerId) => connected.has(peerId),
    retain: () => undefined,
    release: (peerId) => released.push(peerId)
  }
  const world: World = {
    clock,
    connected,
    dialedAtMs,
    released,
    links: createNodeLinks(
      { dialer, clock, random: () => random, onChange: () => undefined },
      { dialTimeoutMs: 10_000 }
    ),
    answer: () => Promise.reject(new Error('connection refused'))
  }
  return world
}

function succeed(world: World, peerId = PIM): void {
  world.answer = async () => {
    world.connected.add(peerId)
    return peerId
  }
}

function codeOf(action: () => void): string | null {
  try {
    action()
    return null
  } catch (error) {
    return isDeadDropError(error) ? error.code : 'other'
  }
}

describe('node links', () => {
  it('dial for ever, waiting twice as long each time up to a minute', async () => {
    const world = createWorld()
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(250_000)
    const waits = world.dialedAtMs.map((at, index) => at - (world.dialedAtMs[index - 1] ?? 0))
    expect(waits).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
  })

  it('wait at least half of the back-off, whatever chance says', async () => {
    const world = createWorld(0.999_999)
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(600)
    expect(world.dialedAtMs).toEqual([0, 500])
  })

  it('show why a node is unreachable and when it is tried again', async () => {
    const world = createWorld()
    world.links.set([PIM_ADDRESS])
    expect(world.links.list()[0]?.state).toBe('connecting')
    await world.clock.advance(0)
    expect(world.links.list()).toEqual([
      {
        multiaddr: PIM_ADDRESS,
        peerId: PIM,
        state: 'unreachable',
        error: 'refused',
        retryAtMs: 1_000
      }
    ])
  })

  it('give up a dial that hangs after ten seconds, and try again', async () => {
    const world = createWorld()
    world.answer = () => new Promise(() => undefined)
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(10_000)
    expect(world.links.list()[0]).toMatchObject({ state: 'unreachable', error: 'timed-out' })
    await world.clock.advance(1_000)
    expect(world.dialedAtMs).toHaveLength(2)
  })

  it('dial at once when woken, and start the back-off anew', async () => {
    const world = createWorld()
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(40_000)
    const before = world.dialedAtMs.length
    world.links.wake()
    await world.clock.advance(1_000)
    expect(world.dialedAtMs.slice(before)).toEqual([40_000, 41_000])
  })

  it('do not dial twice when woken during a dial', async () => {
    const world = createWorld()
    world.answer = () => new Promise(() => undefined)
    world.links.set([PIM_ADDRESS])
    world.links.wake()
    await world.clock.advance(5_000)
    expect(world.dialedAtMs).toEqual([0])
  })

  it('reconnect after a drop', async () => {
    const world = createWorld()
    succeed(world)
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(60_000)
    expect(world.links.list()[0]).toMatchObject({
      state: 'connected',
      retryAtMs: null,
      error: null
    })
    world.connected.delete(PIM)
    world.links.onConnectionsChanged()
    expect(world.links.list()[0]).toMatchObject({ state: 'unreachable', retryAtMs: 61_000 })
    await world.clock.advance(1_000)
    expect(world.links.list()[0]?.state).toBe('connected')
  })

  it('back off from a node that accepts and hangs up at once', async () => {
    const world = createWorld()
    world.answer = async () => {
      world.connected.add(PIM)
      queueMicrotask(() => {
        world.connected.delete(PIM)
        world.links.onConnectionsChanged()
      })
      return PIM
    }
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(60_000)
    expect(world.dialedAtMs.length).toBeLessThan(9)
  })

  it('count a connection that the node opened', async () => {
    const world = createWorld()
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(0)
    world.connected.add(PIM)
    world.links.onConnectionsChanged()
    await world.clock.advance(60_000)
    expect(world.links.list()[0]?.state).toBe('connected')
    expect(world.dialedAtMs).toHaveLength(1)
  })

  it('refuse somebody else at the address of a named node', async () => {
    const world = createWorld()
    succeed(world, EVE)
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(0)
    expect(world.links.list()[0]).toMatchObject({
      peerId: PIM,
      state: 'unreachable',
      error: 'identity-changed'
    })
  })

  it('learn the peer id of a node whose address does not name it', async () => {
    const world = createWorld()
    succeed(world)
    world.links.set([NAMELESS_ADDRESS])
    expect(world.links.list()[0]?.peerId).toBeNull()
    await world.clock.advance(0)
    expect(world.links.list()[0]).toMatchObject({ peerId: PIM, state: 'connected' })
  })

  it('keep the connection of a node that stays in the set, hang up on one that left', async () => {
    const world = createWorld()
    succeed(world)
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(0)
    world.links.set([PIM_ADDRESS, NAMELESS_ADDRESS])
    await world.clock.advance(0)
    expect(world.dialedAtMs).toHaveLength(2)
    world.links.set([NAMELESS_ADDRESS])
    expect(world.released).toEqual([])
    world.links.set([])
    expect(world.released).toEqual([PIM])
    await world.clock.advance(120_000)
    expect(world.dialedAtMs).toHaveLength(2)
  })

  it('leave no timer behind when stopped', async () => {
    const world = createWorld()
    world.links.set([PIM_ADDRESS])
    await world.clock.advance(3_000)
    world.links.stop()
    await world.clock.advance(120_000)
    expect(world.clock.pending).toBe(0)
    expect(world.dialedAtMs).toHaveLength(3)
  })

  it.each([
    ['an empty string', ''],
    ['words', 'my node'],
    ['a URL', 'wss://pim.example'],
    ['a peer id alone', `/p2p/${PIM}`],
    ['a relayed address', `${PIM_ADDRESS}/p2p-circuit/p2p/${EVE}`],
    ['plain TCP', '/ip4/127.0.0.1/tcp/9001'],
    ['a port out of range', '/ip4/127.0.0.1/tcp/99999/ws'],
    ['a cut peer id', '/ip4/127.0.0.1/tcp/9001/ws/p2p/12D3KooW'],
    ['ten thousand slashes', '/'.repeat(10_000)]
  ])('refuse %s, and keep the set as it was', (_what, text) => {
    const world = createWorld()
    world.links.set([PIM_ADDRESS])
    expect(codeOf(() => world.links.set([NAMELESS_ADDRESS, text]))).toBe('node-address-malformed')
    expect(world.links.list().map(({ multiaddr }) => multiaddr)).toEqual([PIM_ADDRESS])
  })

  it.each([
    PIM_ADDRESS,
    NAMELESS_ADDRESS,
    '/dns4/pim.example/tcp/443/wss',
    '/ip6/::1/tcp/9001/ws',
    '/dns4/expyuzz4wqqyqhjn.onion/tcp/80/ws',
    `/ip4/127.0.0.1/udp/9003/webrtc-direct/certhash/uEiBgA517NRYTFUAmKhu49Gh1knWS1cIHjgCwx3c-uI0TPg/p2p/${PIM}`
  ])('accept %s', (text) => {
    const world = createWorld()
    world.links.set([text])
    expect(world.links.list()).toHaveLength(1)
  })
})
