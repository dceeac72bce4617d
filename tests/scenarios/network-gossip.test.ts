import { describe, expect, it } from 'vitest'
import type { Network } from '#replica/network/create-network.ts'
import {
  addressOf,
  startClientNetwork,
  startDaemonNetwork,
  until,
  untilConnected
} from '#tests/support/network-peers.ts'

const TOPIC = 'a-log'

function subscribers(network: Network): number {
  return network.libp2p.services.pubsub.getSubscribers(TOPIC).length
}

/** Gossipsub hides its mesh behind the declared type. */
function meshSize(network: Network): number {
  const { pubsub } = network.libp2p.services
  const peers: unknown =
    'mesh' in pubsub && pubsub.mesh instanceof Map ? pubsub.mesh.get(TOPIC) : undefined
  return peers instanceof Set ? peers.size : 0
}

/**
 * Resolves when nobody was identified for a while. Identify and its pushes, which come up to two seconds later, tell
 * gossipsub of connections anew: it would heal itself, and the test would prove nothing.
 */
async function untilIdentifyIsQuiet(...networks: readonly Network[]): Promise<void> {
  const quietMs = 3_000
  let lastAtMs = performance.now()
  for (const { libp2p } of networks) {
    libp2p.addEventListener('peer:identify', () => {
      lastAtMs = performance.now()
    })
  }
  await until('identify is quiet', () => performance.now() - lastAtMs > quietMs, 20_000)
}

function collect(network: Network): string[] {
  const texts: string[] = []
  network.libp2p.services.pubsub.addEventListener('message', ({ detail }) => {
    texts.push(new TextDecoder().decode(detail.data))
  })
  network.libp2p.services.pubsub.subscribe(TOPIC)
  return texts
}

function publish(network: Network, text: string): Promise<unknown> {
  return network.libp2p.services.pubsub.publish(TOPIC, new TextEncoder().encode(text))
}

describe('gossip', () => {
  it('is heard again after the connection that carried it closed and another stayed', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    const heard = collect(pim)
    await untilConnected(alice)
    collect(alice)
    await until('subscription is known', () => subscribers(alice) === 1)
    const healed = new Promise<string>((resolve) => {
      alice.addEventListener('peer-healed', ({ detail }) => {
        resolve(detail.peerId)
      })
    })
    const [first] = alice.libp2p.getConnections()
    const target = first?.remoteAddr
    if (first === undefined || target === undefined) {
      throw new Error('no connection')
    }
    await alice.libp2p.dial(target, { force: true })
    await untilIdentifyIsQuiet(alice, pim)
    await first.close()

    expect(await healed).toBe(pim.peerId)
    await until('message arrives', async () => {
      await publish(alice, `after ${String(performance.now())}`)
      return heard.some((text) => text.startsWith('after'))
    })
  }, 60_000)

  it('is heard again after its stream alone was lost', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await untilConnected(alice)
    collect(alice)
    collect(pim)
    await until('subscription is known', () => subscribers(alice) === 1)
    await untilIdentifyIsQuiet(alice, pim)
    const healed = new Promise<string>((resolve) => {
      alice.addEventListener('peer-healed', ({ detail }) => {
        resolve(detail.peerId)
      })
    })
    const stream = alice.libp2p
      .getConnections()
      .flatMap(({ streams }) => streams)
      .find(({ protocol, direction }) => protocol.includes('meshsub') && direction === 'outbound')
    expect(stream).toBeDefined()
    stream?.abort(new Error('lost'))
    expect(await healed).toBe(pim.peerId)
  }, 40_000)

  it('of a hub reaches all of 20 clients from one address', async () => {
    await using pim = await startDaemonNetwork()
    pim.libp2p.services.pubsub.subscribe(TOPIC)
    await using stack = new AsyncDisposableStack()
    const clients: { readonly network: Network; readonly texts: string[] }[] = []
    for (let i = 0; i < 20; i++) {
      const network = stack.use(await startClientNetwork([addressOf(pim)]))
      clients.push({ network, texts: collect(network) })
    }
    await until('hub knows all', () => subscribers(pim) === 20, 30_000)
    const [speaker, ...listeners] = clients
    await until('speaker knows the hub', () => speaker && subscribers(speaker.network) === 1)
    await until('mesh of the hub is full', () => meshSize(pim) === 20, 30_000)
    if (speaker !== undefined) {
      await publish(speaker.network, 'to all')
    }
    await until('all heard it', () => listeners.every(({ texts }) => texts.includes('to all')))
    expect(listeners).toHaveLength(19)
  }, 90_000)

  it('takes a copy on another topic for another message, and a repeat for a repeat', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await using eve = await startClientNetwork([addressOf(pim)])
    const heard = collect(pim)
    pim.libp2p.services.pubsub.subscribe('another-topic')
    await untilConnected(alice)
    await untilConnected(eve)
    await until('subscriptions are known', () =>
      [alice, eve].every(
        (client) =>
          subscribers(client) === 1 &&
          client.libp2p.services.pubsub.getSubscribers('another-topic').length === 1
      )
    )
    await eve.libp2p.services.pubsub.publish('another-topic', new TextEncoder().encode('hello'))
    await until('the copy arrives', () => heard.length === 1)
    await publish(alice, 'hello')
    await publish(eve, 'hello')
    await publish(alice, 'end')
    await until('the last message arrives', () => heard.includes('end'))
    expect(heard).toEqual(['hello', 'hello', 'end'])
  })

  it('carries no name of its author', async () => {
    await using pim = await startDaemonNetwork()
    await using alice = await startClientNetwork([addressOf(pim)])
    await untilConnected(alice)
    pim.libp2p.services.pubsub.subscribe(TOPIC)
    const message = new Promise<unknown>((resolve) => {
      pim.libp2p.services.pubsub.addEventListener('message', ({ detail }) => {
        resolve(detail)
      })
    })
    await until('subscription is known', () => subscribers(alice) === 1)
    await publish(alice, 'hello')
    expect(await message).not.toHaveProperty('from')
  })
})
