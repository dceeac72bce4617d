import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { EntryHash, LogAddress, SealedBytes } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { createLogManifest, hashOfBlock, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { PeerLink, Replica } from '#replica/replica.ts'
import type { LiveFrame, SealedEntry, SealedLog } from '#replica/sealed-log.ts'
import { createSegmentedLog } from '#replica/segments/create-segmented-log.ts'
import type {
  KeptSegment,
  Segment,
  SegmentBounds,
  SegmentedLog
} from '#replica/segments/segmented-log.ts'
import { openText, sealText } from './replica-gate.ts'

interface Stored {
  readonly hash: EntryHash
  readonly writer: string
  readonly time: number
  readonly next: readonly EntryHash[]
  readonly sealed: SealedBytes
}

interface Follower {
  receive(entries: readonly Stored[]): void
  hear(frame: LiveFrame): void
}

export type LogReplica = Pick<Replica, 'open' | 'forget' | 'sync' | 'network' | 'addEventListener'>

/** What one peer has on its disk, and which logs it follows. */
interface Peer {
  readonly name: string
  readonly disk: Map<LogAddress, Stored[]>
  readonly open: Map<LogAddress, Follower>
  readonly damaged: Set<LogAddress>
  readonly lost: Set<EntryHash>
  /** Logs that are followed and do not come. */
  readonly delayed: Set<LogAddress>
  readonly slowOpenings: Map<LogAddress, Promise<undefined>>
  readonly opened: LogAddress[]
  readonly replica: LogReplica
  /** Follows whatever comes to a log, as a node that was asked to hold it. */
  readonly isNode: boolean
  tellNetwork(): void
}

/** One member's device. What is on its disk outlives {@link Member.stop}. */
export interface Member {
  readonly name: string
  readonly chain: SegmentedLog
  /** Numbers of the open segments, in ascending order. */
  openSegments(): number[]
  /** Numbers of the segments in the order in which they were opened since the start. */
  openings(): number[]
  start(): Promise<void>
  stop(): Promise<void>
  say(text: string): Promise<SealedEntry>
  /** Reads what is new, as the client does. */
  read(): Promise<void>
  /** What was read, in the order that all devices agree on. */
  texts(): string[]
  /** Every entry that was read, in the order of reading. */
  readonly heard: readonly SealedEntry[]
  /** From now on a segment cannot be opened on this disk. */
  damage(segment: number): void
  /** From now on one entry cannot be read on this disk. */
  lose(entry: SealedEntry): void
  /** What a device is told that joins late. */
  resumeAt(segment: number): void
  /** Loses everything but what the chain saved: a device that is told how far the chain is. */
  wipe(): void
}

export interface Device {
  readonly name: string
  readonly replica: LogReplica
  /** Holds back what comes to a log, or lets it come. */
  delay(address: LogAddress, isDelayed: boolean): void
  damage(address: LogAddress): void
  /** Its disk loses the entry that came last to a log. */
  loseNewest(address: LogAddress): void
  /** Opening a log takes until the returned function is called. */
  holdOpening(address: LogAddress): () => void
  /** How many entries of a log are on its disk. */
  entriesOf(address: LogAddress): number
  /** Closes every log, as the end of a process does. */
  crash(): void
}

export interface SegmentWorld {
  member(name: string, bounds?: Partial<SegmentBounds>): Member
  /** A node that holds everything that comes to it. */
  node(name: string): { readonly name: string }
  /** A replica for somebody else's chain. */
  device(name: string): Device
  connect(a: { readonly name: string }, b: { readonly name: string }): void
  /** Connected, and nothing exchanged yet. */
  connectSilently(a: { readonly name: string }, b: { readonly name: string }): void
  disconnect(a: { readonly name: string }, b: { readonly name: string }): void
}

/**
 * Replicas without a network and without signatures, for tests of what stands on them: logs are causal sets of texts. Two
 * peers that are connected and follow the same log have the same entries; nothing reaches who does not follow.
 */
export function createSegmentWorld(clock: Clock): SegmentWorld {
  const peers = new Map<string, Peer>()
  const links = new Set<string>()

  const linkKey = (a: string, b: string): string => [a, b].sort().join()
  const isLinked = (a: Peer, b: Peer): boolean => a !== b && links.has(linkKey(a.name, b.name))

  function follows(peer: Peer, address: LogAddress): boolean {
    return (peer.isNode || peer.open.has(address)) && !peer.delayed.has(address)
  }

  function followers(peer: Peer, address: LogAddress): Peer[] {
    if (!follows(peer, address)) return []
    return [...peers.values()].filter((other) => isLinked(peer, other) && follows(other, address))
  }

  function store(peer: Peer, address: LogAddress, entries: readonly Stored[]): void {
    const known = peer.disk.get(address) ?? []
    const hashes = new Set(known.map(({ hash }) => hash))
    const fresh = entries.filter(({ hash }) => !hashes.has(hash))
    if (fresh.length === 0) return
    peer.disk.set(address, [...known, ...fresh])
    peer.open.get(address)?.receive(fresh)
    for (const other of followers(peer, address)) store(other, address, fresh)
  }

  function exchange(a: Peer, b: Peer, address: LogAddress): void {
    store(b, address, a.disk.get(address) ?? [])
    store(a, address, b.disk.get(address) ?? [])
  }

  function createPeer(name: string, isNode: boolean): Peer {
    const listeners = new Set<() => void>()
    const peer: Peer = {
      name,
      isNode,
      disk: new Map(),
      open: new Map(),
      damaged: new Set(),
      lost: new Set(),
      delayed: new Set(),
      slowOpenings: new Map(),
      opened: [],
      tellNetwork() {
        for (const listener of listeners) listener()
      },
      replica: {
        async open(manifest, options) {
          const address = logAddressOf(manifest)
          if (peer.damaged.has(address))
            throw new DeadDropError('storage-corrupt', 'the test damaged this log')
          await peer.slowOpenings.get(address)
          peer.opened.push(address)
          const log = createLog(peer, manifest, options?.writer?.publicKey ?? '')
          // After whoever opens it could begin to listen.
          setImmediate(() => {
            if (!peer.open.has(address)) return
            for (const other of followers(peer, address)) exchange(peer, other, address)
          })
          return log
        },
        async forget(address) {
          peer.open.delete(address)
          peer.disk.delete(address)
        },
        async sync(address) {
          if (!peer.open.has(address)) return []
          return followers(peer, address).map((other) => {
            exchange(peer, other, address)
            return { peerId: other.name, kind: 'settled', received: 0, sent: 0 }
          })
        },
        network: () => ({
          peerId: name,
          multiaddrs: [],
          peers: [...peers.values()].filter((other) => isLinked(peer, other)).map(linkTo),
          nodes: [],
          isOnline: true
        }),
        addEventListener(_type, listener, options) {
          const told = listener as () => void // the chain looks at network() itself
          listeners.add(told)
          options?.signal?.addEventListener('abort', () => listeners.delete(told))
        }
      }
    }
    peers.set(name, peer)
    return peer
  }

  function createLog(peer: Peer, manifest: LogManifest, writer: string): SealedLog {
    const events = new EventTarget()
    const address = logAddressOf(manifest)
    const entries = (): readonly Stored[] => peer.disk.get(address) ?? []
    const heads = (): readonly Stored[] => {
      const named = new Set(entries().flatMap(({ next }) => next))
      return entries().filter(({ hash }) => !named.has(hash))
    }
    const sealed = (entry: Stored): SealedEntry => ({
      log: address,
      hash: entry.hash,
      writer: entry.writer,
      time: entry.time,
      arrival: entries().indexOf(entry) + 1,
      sealed: entry.sealed
    })
    const receive = (fresh: readonly Stored[]): void => {
      events.dispatchEvent(new CustomEvent('entries', { detail: fresh.map(sealed) }))
    }
    const hear = (frame: LiveFrame): void => {
      events.dispatchEvent(new CustomEvent('live', { detail: frame }))
    }
    peer.open.set(address, { receive, hear })
    return {
      address,
      manifest,
      async append(bytes) {
        const next = heads()
        const body = {
          writer,
          time: 1 + Math.max(0, ...next.map(({ time }) => time)),
          next: next.map(({ hash }) => hash),
          sealed: bytes
        }
        const named = JSON.stringify([address, writer, body.time, body.next, bytesToHex(bytes)])
        const entry = { ...body, hash: hashOfBlock(utf8ToBytes(named)) }
        store(peer, address, [entry])
        return sealed(entry)
      },
      heads: async () => heads().map(({ hash }) => hash),
      has: async (hash) => entries().some((entry) => entry.hash === hash),
      isCovered: async (hash) => entries().some((entry) => entry.hash === hash),
      async *entries(after = 0) {
        for (const entry of entries().slice(after)) {
          if (peer.lost.has(entry.hash))
            throw new DeadDropError('storage-corrupt', 'the test lost this entry')
          yield sealed(entry)
        }
      },
      size: () => ({ entries: entries().length, bytes: entries().length * 100 }),
      sendLive: async (bytes) => {
        const frame = { log: address, writer, sealed: bytes }
        for (const other of followers(peer, address)) other.open.get(address)?.hear(frame)
      },
      addEventListener(
        type: string,
        listener: (event: never) => void,
        options?: { signal?: AbortSignal }
      ) {
        // `never`: which event a name brings is known to the caller's overload only.
        events.addEventListener(type, listener as EventListener, options)
      },
      async close() {
        peer.open.delete(address)
      }
    }
  }

  function createMember(name: string, bounds: Partial<SegmentBounds>): Member {
    const peer = createPeer(name, false)
    const cursors = new Map<LogAddress, number>()
    let kept: readonly KeptSegment[] = []
    let heard: SealedEntry[] = []
    let chain: SegmentedLog | undefined
    const segment = (number: number): Segment => segmentFor(name, number)
    const numberOf = (address: LogAddress): number => {
      for (let number = 0; ; number++) if (segment(number).address === address) return number
    }
    const current = (): SegmentedLog => {
      if (chain === undefined) throw new Error(`${name} is stopped`)
      return chain
    }
    return {
      name,
      get chain() {
        return current()
      },
      get heard() {
        return heard
      },
      openSegments: () => [...peer.open.keys()].map(numberOf).sort((a, b) => a - b),
      openings: () => peer.opened.map(numberOf),
      async start() {
        peer.opened.splice(0)
        chain = await createSegmentedLog(
          {
            replica: peer.replica,
            clock,
            segment,
            async save(state) {
              kept = state
            }
          },
          { kept, bounds }
        )
      },
      async stop() {
        await chain?.close()
        chain = undefined
      },
      say: (text) => current().append(sealText(text)),
      async read() {
        for (const { number, segment: own, entries } of current().segments()) {
          const after = cursors.get(own.address) ?? 0
          if (entries === null || entries <= after) continue
          try {
            for await (const entry of current().read(number, after)) {
              heard.push(entry)
              cursors.set(entry.log, entry.arrival)
            }
          } catch (error) {
            if (!(error instanceof DeadDropError) || error.code !== 'storage-corrupt') throw error
          }
        }
      },
      texts: () =>
        [...heard]
          .sort((a, b) => a.time - b.time || (a.hash < b.hash ? -1 : 1))
          .map(({ sealed }) => openText(sealed)),
      damage(number) {
        peer.damaged.add(segment(number).address)
      },
      lose(entry) {
        peer.lost.add(entry.hash)
      },
      resumeAt(number) {
        kept = [{ number, firstSeenAtMs: null, leftAtMs: null }]
      },
      wipe() {
        peer.disk.clear()
        cursors.clear()
        heard = []
      }
    }
  }

  function changeLink(a: string, b: string, isUp: boolean): void {
    const [left, right] = [peers.get(a), peers.get(b)]
    if (left === undefined || right === undefined) throw new Error('no such peer')
    if (!isUp) {
      links.delete(linkKey(a, b))
      return
    }
    links.add(linkKey(a, b))
    for (const address of new Set([...left.open.keys(), ...right.open.keys()]))
      if (followers(left, address).includes(right)) exchange(left, right, address)
    left.tellNetwork()
    right.tellNetwork()
  }

  function createDevice(name: string): Device {
    const peer = createPeer(name, false)
    return {
      name,
      replica: peer.replica,
      delay(address, isDelayed) {
        if (isDelayed) peer.delayed.add(address)
        else peer.delayed.delete(address)
        for (const other of followers(peer, address)) exchange(peer, other, address)
      },
      damage: (address) => peer.damaged.add(address),
      loseNewest(address) {
        peer.disk.set(address, (peer.disk.get(address) ?? []).slice(0, -1))
      },
      holdOpening(address) {
        const { promise, resolve } = Promise.withResolvers<undefined>()
        peer.slowOpenings.set(address, promise)
        return () => {
          peer.slowOpenings.delete(address)
          resolve(undefined)
        }
      },
      entriesOf: (address) => peer.disk.get(address)?.length ?? 0,
      crash() {
        peer.open.clear()
      }
    }
  }

  return {
    device: createDevice,
    member: (name, bounds = {}) => createMember(name, bounds),
    node: (name) => createPeer(name, true),
    connect: (a, b) => {
      changeLink(a.name, b.name, true)
    },
    connectSilently: (a, b) => {
      links.add(linkKey(a.name, b.name))
    },
    disconnect: (a, b) => {
      changeLink(a.name, b.name, false)
    }
  }
}

function linkTo(peer: Peer): PeerLink {
  return {
    peerId: peer.name,
    transport: 'memory',
    isLimited: false,
    direction: 'outbound',
    multiaddr: '',
    roundTripMs: null,
    openedAtMs: 0
  }
}

function segmentFor(member: string, number: number): Segment {
  const hash = (text: string): Uint8Array => sha256(utf8ToBytes(text))
  const manifest = createLogManifest(hash(`name ${number}`).slice(0, 24), hash(`gate ${number}`))
  return {
    manifest,
    address: logAddressOf(manifest),
    writer: {
      publicKey: bytesToHex(hash(`${member} ${number}`)),
      certificate: '',
      sign: async (message) => message
    }
  }
}
