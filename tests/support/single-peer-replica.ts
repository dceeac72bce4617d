import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { hashOfBlock, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogCatalogue } from '#replica/log-catalogue.ts'
import type { Replica } from '#replica/replica.ts'
import type { LogSize, SealedEntry, SealedLog } from '#replica/sealed-log.ts'
import { peerWithKey, sealedText } from './pin-fixtures.ts'

type MayStore = (size: LogSize) => boolean
type Handler = (message: Uint8Array, from: string) => Promise<Uint8Array>

/**
 * A replica without a network, for tests of what stands on it: logs are lists, and the one peer in the world is
 * {@link SinglePeerReplica.offer}. It keeps the order and the quota rule of the real one, nothing else.
 */
export interface SinglePeerReplica extends Replica {
  /** What the peer has and gives when asked to sync; refused entries are offered again each time. */
  offer(address: LogAddress, text: string): EntryHash
  /** Sends a request the way a peer would. */
  ask(protocol: string, message: Uint8Array, from: string): Promise<Uint8Array>
  readonly forgotten: readonly LogAddress[]
  /** The log, if it was opened once and not forgotten. */
  stored(address: LogAddress): SealedLog | undefined
  /** From now on opening a log fails with this. */
  failOpening(error: DeadDropError | undefined): void
}

const ENTRY_BYTES = 100

export function createSinglePeerReplica(peer = peerWithKey(1)): SinglePeerReplica {
  const logs = new Map<LogAddress, ReturnType<typeof createList>>()
  const offered = new Map<LogAddress, string[]>()
  const handlers = new Map<string, Handler>()
  const forgotten: LogAddress[] = []
  let openingError: DeadDropError | undefined
  let catalogue: LogCatalogue | undefined

  const replica: SinglePeerReplica = {
    peerId: peer.peerId,
    forgotten,
    failOpening(error) {
      openingError = error
    },
    offer(address, text) {
      offered.set(address, [...(offered.get(address) ?? []), text])
      return hashOf(text)
    },
    async ask(protocol, message, from) {
      const handler = handlers.get(protocol)
      if (handler === undefined) throw new DeadDropError('node-unreachable', 'no such protocol')
      return handler(message, from)
    },
    async open(manifest, options) {
      if (openingError !== undefined) throw openingError
      const address = logAddressOf(manifest)
      const log = logs.get(address) ?? createList(manifest, options?.mayStore)
      logs.set(address, log)
      return log
    },
    async forget(address) {
      logs.delete(address)
      forgotten.push(address)
    },
    get: (address) => logs.get(address),
    stored: (address) => logs.get(address),
    async hold(newCatalogue) {
      catalogue = newCatalogue
      for (const [address, log] of logs) catalogue.onStored(address, log.size(), 0)
    },
    async useHeld(address, work) {
      const held = catalogue?.find(address)
      if (held === undefined) return undefined
      const isNew = !logs.has(address)
      const log = await replica
        .open(held.manifest, { mayStore: held.mayStore })
        .catch((error: unknown) => {
          catalogue?.onBroken(address, error)
          throw error
        })
      if (isNew) {
        log.addEventListener('entries', ({ detail }) =>
          catalogue?.onStored(address, log.size(), detail.length)
        )
      }
      return work(log)
    },
    async sync(address, { peerId }) {
      for (const text of offered.get(address) ?? []) logs.get(address)?.receive(text)
      return peerId === undefined ? [] : [{ peerId, kind: 'settled', received: 0, sent: 0 }]
    },
    async waitFor(address, hashes, signal) {
      for (;;) {
        const log = logs.get(address)
        if (log !== undefined && hashes.every((hash) => log.hashes.includes(hash))) return true
        if (signal.aborted) return false
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve(), { once: true })
          log?.addEventListener('entries', () => resolve())
        })
      }
    },
    network: () => ({
      peerId: peer.peerId,
      multiaddrs: [`/ip4/127.0.0.1/tcp/1/ws/p2p/${peer.peerId}`],
      peers: [],
      nodes: [],
      isOnline: true
    }),
    setNodes: () => undefined,
    wake: () => undefined,
    connectDirect: async () => false,
    requestCounters: () => ({ refusedRequests: 0, failedHandlers: 0 }),
    signAsPeer: (message) => peer.sign(message),
    request: (_peerId, protocol, message) => replica.ask(protocol, message, 'a peer'),
    async handle(protocol, _options, handler) {
      handlers.set(protocol, handler)
    },
    addEventListener: () => undefined,
    stop: async () => undefined
  }
  return replica
}

function hashOf(text: string): EntryHash {
  return hashOfBlock(new TextEncoder().encode(text))
}

function createList(
  manifest: LogManifest,
  mayStore: MayStore | undefined
): SealedLog & {
  readonly hashes: readonly EntryHash[]
  receive(text: string): void
} {
  const events = new EventTarget()
  const address = logAddressOf(manifest)
  const hashes: EntryHash[] = []
  const sizeOf = (entries: number): LogSize => ({ entries, bytes: entries * ENTRY_BYTES })
  return {
    address,
    manifest,
    hashes,
    receive(text) {
      const hash = hashOf(text)
      if (hashes.includes(hash) || mayStore?.(sizeOf(hashes.length + 1)) === false) return
      hashes.push(hash)
      const entry: SealedEntry = {
        log: address,
        hash,
        writer: '00'.repeat(32),
        time: hashes.length,
        arrival: hashes.length,
        sealed: sealedText(text)
      }
      events.dispatchEvent(new CustomEvent('entries', { detail: [entry] }))
    },
    append: () => Promise.reject(new DeadDropError('internal', 'log was opened without a writer')),
    heads: async () => hashes.slice(-1),
    has: async (hash) => hashes.includes(hash),
    isCovered: async (hash) => hashes.includes(hash),
    async *entries() {
      yield* []
    },
    size: () => sizeOf(hashes.length),
    sendLive: async () => undefined,
    addEventListener(
      type: string,
      listener: (event: never) => void,
      options?: { signal?: AbortSignal }
    ) {
      // `never`: which event a name brings is known to the caller's overload only.
      events.addEventListener(type, listener as EventListener, options)
    },
    close: async () => undefined
  }
}
