import { describe, expect, it } from 'vitest'
import { EMPTY_CONFIG, readAppConfig } from '#client/app-config.ts'
import { bestConnection, connectionOf } from '#client/connection-kind.ts'
import { createNodeSet } from '#client/node-set.ts'
import { createRetryLoop } from '#client/retry-loop.ts'
import { createSerial } from '#client/serial.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { NetworkStatus, NodeLink, PeerLink } from '#replica/replica.ts'

const link = (peerId: string, isLimited = false): PeerLink => ({
  peerId,
  transport: isLimited ? 'relay' : 'webrtc',
  isLimited,
  direction: 'outbound',
  multiaddr: `/p2p/${peerId}`,
  roundTripMs: null,
  openedAtMs: 0
})

const node = (state: NodeLink['state'], peerId: string | null = 'pim'): NodeLink => ({
  multiaddr: '/ip4/127.0.0.1/tcp/1/ws',
  peerId,
  state,
  error: null,
  retryAtMs: null
})

const network = (init: Partial<NetworkStatus>): NetworkStatus => ({
  peerId: 'self',
  multiaddrs: [],
  peers: [],
  nodes: [],
  isOnline: true,
  ...init
})

describe('the connection chip', () => {
  const bob = new Set(['bob'])

  it('is direct only over an unlimited link to the contact', () => {
    const nodes = [node('connected')]
    expect(connectionOf(network({ nodes, peers: [link('bob')] }), bob)).toBe('direct')
    expect(connectionOf(network({ nodes, peers: [link('bob', true)] }), bob)).toBe('relayed')
    expect(connectionOf(network({ nodes, peers: [link('carol')] }), bob)).toBe('relayed')
  })

  it('does not believe a contact who names a node as an own device', () => {
    const nodes = [node('connected')]
    const status = network({ nodes, peers: [link('pim')] })
    expect(connectionOf(status, new Set(['pim']))).toBe('relayed')
  })

  it('says connecting while it tries, and offline when trying has no point now', () => {
    expect(connectionOf(null, bob)).toBe('connecting')
    expect(connectionOf(network({ nodes: [node('connecting', null)] }), bob)).toBe('connecting')
    expect(connectionOf(network({ nodes: [node('unreachable', null)] }), bob)).toBe('offline')
    const unplugged = network({ nodes: [node('connecting', null)], isOnline: false })
    expect(connectionOf(unplugged, bob)).toBe('offline')
    expect(connectionOf(network({}), bob)).toBe('offline')
  })

  it('shows the best of several', () => {
    expect(bestConnection([])).toBe('offline')
    expect(bestConnection(['connecting', 'direct', 'relayed'])).toBe('direct')
  })
})

describe('config.json', () => {
  it('is read when it is whole', () => {
    const config = {
      nodes: ['/dns4/node.example/tcp/443/wss'],
      iceServers: [
        { urls: 'stun:stun.example' },
        { urls: ['turns:t.example'], username: 'u', credential: 'c' }
      ]
    }
    expect(readAppConfig(config)).toEqual({
      config: {
        nodes: config.nodes,
        iceServers: [
          { urls: ['stun:stun.example'] },
          { urls: ['turns:t.example'], username: 'u', credential: 'c' }
        ]
      },
      complaints: []
    })
  })

  it.each([null, 1, 'text', [], undefined])(
    '%j is no configuration, and no reason to stop',
    (value) => {
      expect(readAppConfig(value)).toEqual({
        config: EMPTY_CONFIG,
        complaints: ['config.json is not an object']
      })
    }
  )

  it('keeps the good parts and names the bad ones', () => {
    const { config, complaints } = readAppConfig({
      nodes: ['/ip4/192.0.2.1/tcp/1/ws', 'node.example', 7],
      iceServers: [
        { urls: 'https://no.example' },
        { urls: [] },
        {},
        { urls: ['stun:s.example', 5] }
      ]
    })
    expect(config).toEqual({ nodes: ['/ip4/192.0.2.1/tcp/1/ws'], iceServers: [] })
    expect(complaints).toHaveLength(6)
  })
})

describe('the set of nodes', () => {
  const CONFIGURED = '/dns4/config.example/tcp/443/wss'
  const OWN = '/dns4/own.example/tcp/443/wss'
  const CONTACTS = '/dns4/contact.example/tcp/443/wss'

  it('takes those of the host, of the user and of contacts, each once', () => {
    const set = createNodeSet([CONFIGURED], { added: [OWN], removed: [] })
    expect(set.union([CONTACTS, OWN])).toEqual([CONFIGURED, OWN, CONTACTS])
    expect([CONFIGURED, OWN, CONTACTS].map((address) => set.sourceOf(address))).toEqual([
      'config',
      'user',
      'contact'
    ])
  })

  it('leaves out what the user removed, whoever names it, until it is added again', () => {
    const set = createNodeSet([CONFIGURED], { added: [], removed: [] })
    set.remove(CONFIGURED)
    set.remove(CONTACTS)
    expect(set.union([CONTACTS])).toEqual([])
    const restarted = createNodeSet([CONFIGURED], set.choice())
    expect(restarted.union([CONTACTS])).toEqual([])
    restarted.add(` ${CONTACTS} `)
    expect(restarted.union([CONTACTS])).toEqual([CONTACTS])
  })

  it.each(['', 'node.example:443', '/dns4', '/nonsense/1', '/ip4/192.0.2.1/tcp/1'])(
    'refuses %j as an address',
    (address) => {
      const set = createNodeSet([], { added: [], removed: [] })
      expect(() => set.add(address)).toThrow(
        expect.objectContaining({ code: 'node-address-malformed' })
      )
      expect(set.union([])).toEqual([])
    }
  )

  it('goes on without what a contact or a host names that cannot be dialled', () => {
    const set = createNodeSet([CONFIGURED, '/ip4/192.0.2.1/udp/9'], { added: [], removed: [] })
    expect(set.union(['/ip4/192.0.2.1/tcp/1', 'rubbish', CONTACTS])).toEqual([CONFIGURED, CONTACTS])
  })

  it('names connected nodes first in an invite, with their peer ids', () => {
    const set = createNodeSet([CONFIGURED, OWN], { added: [], removed: [] })
    const nodes = [
      { ...node('unreachable', null), multiaddr: CONFIGURED },
      { ...node('connected', 'pim'), multiaddr: OWN }
    ]
    expect(set.bestForInvite(network({ nodes }))).toEqual([`${OWN}/p2p/pim`, CONFIGURED])
  })
})

describe('retry loop', () => {
  /** Time that stands still until it is told to move to the next timer. */
  function createManualClock(): Clock & { readonly waits: number[]; fire(): void } {
    const timers: { readonly delayMs: number; readonly callback: () => void }[] = []
    const waits: number[] = []
    return {
      waits,
      now: () => 0,
      after(delayMs, callback) {
        const timer = { delayMs, callback }
        timers.push(timer)
        waits.push(delayMs)
        return () => timers.splice(timers.indexOf(timer), 1)
      },
      fire: () => timers.shift()?.callback()
    }
  }

  it('backs off exponentially to its bound, and forgets the back-off when it is kicked', async () => {
    const clock = createManualClock()
    const attempts: PromiseWithResolvers<undefined>[] = []
    const loop = createRetryLoop(clock, {
      firstDelayMs: 100,
      maxDelayMs: 350,
      random: () => 1,
      attempt: async () => {
        attempts.at(-1)?.resolve(undefined)
        throw new Error('not yet')
      }
    })
    const nextAttempt = (begin: () => void): Promise<undefined> => {
      const attempt = Promise.withResolvers<undefined>()
      attempts.push(attempt)
      begin()
      return attempt.promise
    }
    await nextAttempt(() => loop.kick())
    for (let round = 0; round < 3; round++) {
      await expect.poll(() => clock.waits.length).toBe(round + 1)
      await nextAttempt(() => clock.fire())
    }
    await expect.poll(() => clock.waits).toEqual([100, 200, 350, 350])
    await nextAttempt(() => loop.kick())
    await expect.poll(() => clock.waits.at(-1)).toBe(100)
    await loop.stop()
  })

  it('runs one attempt at a time, and one more when it is kicked meanwhile', async () => {
    let running = 0
    let most = 0
    let count = 0
    const gate = Promise.withResolvers<undefined>()
    const loop = createRetryLoop(createManualClock(), {
      firstDelayMs: 1,
      maxDelayMs: 1,
      random: () => 0,
      attempt: async () => {
        most = Math.max(most, ++running)
        count++
        await gate.promise
        running--
        return false
      }
    })
    loop.kick()
    loop.kick()
    loop.kick()
    gate.resolve(undefined)
    await expect.poll(() => count).toBe(2)
    expect(most).toBe(1)
    await loop.stop()
    loop.kick()
    expect(count).toBe(2)
  })
})

it('serial work keeps its order and survives failures', async () => {
  const serial = createSerial()
  const done: number[] = []
  const first = serial.run(async () => {
    await Promise.resolve()
    done.push(1)
    throw new Error('first failed')
  })
  const second = serial.run(async () => done.push(2))
  await expect(first).rejects.toThrow('first failed')
  expect(await second).toBe(2)
  await serial.idle()
  expect(done).toEqual([1, 2])
})
