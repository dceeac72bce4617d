import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { GossipSub, TopicValidatorFn } from '@libp2p/gossipsub'
import type { LogAddress, SealedBytes } from '#protocol/brand.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { MAX_ENTRY_BYTES, MAX_LIVE_FRAME_BYTES } from '#protocol/limits.ts'
import { encodeLiveFrame, readLiveFrame } from '#protocol/live-frame.ts'
import { LIVE_TOPIC_SUFFIX } from '#protocol/protocol-ids.ts'
import type { Clock } from '../network/clock.ts'
import type { LogEntry } from '../orbitdb/entry-rules.ts'
import type { OrbitLog } from '../orbitdb/orbit-log.ts'
import { createLiveFrameMemory } from './live-frame-memory.ts'
import type { LiveFrameMemory } from './live-frame-memory.ts'
import type { UseLog } from './log-leases.ts'

/** Entries that wait for the disk, per log. Beyond it gossip is dropped: the next exchange brings it. */
const MAX_WAITING_ENTRIES = 2_048

/** The live side of replication: entries on the topic of the log's address, live frames on another. */
export interface Gossip {
  /** Subscribes, and tells everybody; nothing is delivered or forwarded that the rules of the log refuse. */
  follow(address: LogAddress): void
  /**
   * Subscribes, and tells those peers alone that follow the log themselves, as soon as they say so: a node's subscriptions
   * would tell every stranger what it holds, and all of them would be sent to whoever connects.
   */
  followQuietly(addresses: readonly LogAddress[], peerId: string): void
  isFollowing(address: LogAddress): boolean
  /** What is followed quietly. */
  quietlyFollowed(): Iterable<LogAddress>
  unfollow(address: LogAddress): void
  /** Peers that follow a log, whether they can be reached or not. */
  followersOf(address: LogAddress): readonly string[]
  /** Best effort: what is lost here, an exchange repairs. Never throws. */
  publishEntry(address: LogAddress, entry: Pick<LogEntry, 'bytes'>): void
  /** @throws {DeadDropError} `bytes-too-large` when the frame would exceed `MAX_LIVE_FRAME_BYTES`. */
  publishLive(address: LogAddress, writer: LogWriter, sealed: SealedBytes): Promise<void>
}

/** Entries that were judged and wait for the disk. */
type Waiting = { readonly entry: LogEntry; readonly from: string }[]

/** What gossipsub's declared type hides. */
interface Announcer {
  sendSubscriptions(toPeer: string, topics: string[], subscribe: boolean): void
}

/**
 * @param components.useLog - gives the log for as long as the work takes; a log that is held for others may be opened for it.
 * @param components.onHeld - entries lack ancestors; `peerIds` are those that sent them.
 */
export function createGossip(components: {
  readonly pubsub: GossipSub
  readonly verifier: SignatureVerifier
  readonly clock: Clock
  readonly useLog: UseLog
  readonly onHeld: (address: LogAddress, peerIds: ReadonlySet<string>) => void
}): Gossip {
  const { pubsub, verifier, clock, useLog } = components
  const waiting = new Map<LogAddress, Waiting>()
  const heardLive = new Map<LogAddress, LiveFrameMemory>()
  /** `false` for what is followed quietly. */
  const followed = new Map<LogAddress, boolean>()
  let lastLiveTime = 0
  let isSubscribing = false
  const announcer: object = pubsub
  if (!isAnnouncer(announcer))
    throw new Error('gossipsub has no sendSubscriptions: @libp2p/gossipsub changed')
  const announce = announcer.sendSubscriptions.bind(announcer)
  announcer.sendSubscriptions = (toPeer, topics, isSubscribed) => {
    const told = topics.filter(
      (topic) => !isQuiet(topic) || (!isSubscribing && followersOf(topic).includes(toPeer))
    )
    if (told.length > 0) announce(toPeer, told, isSubscribed)
  }

  function isQuiet(topic: string): boolean {
    return followed.get(addressOf(topic)) === false
  }

  function followersOf(topic: string): string[] {
    return pubsub.getSubscribers(topic).map(String)
  }

  function publish(topic: string, bytes: Uint8Array): void {
    // Fails when nobody listens or the node is stopping; exchanges do not depend on it.
    pubsub.publish(topic, bytes).catch(() => undefined)
  }

  /** Everything that came while the last batch was written goes into the next one. */
  async function storeWaiting(address: LogAddress, queue: Waiting): Promise<void> {
    const end = (): void => {
      if (waiting.get(address) === queue) waiting.delete(address)
    }
    try {
      await useLog(address, async (log) => {
        while (queue.length > 0) {
          const batch = queue.splice(0)
          const { held } = await log.ingest(batch.map(({ entry }) => entry))
          if (held > 0) components.onHeld(address, new Set(batch.map(({ from }) => from)))
        }
        // In the same turn as the last look: what comes later begins a queue of its own.
        end()
      })
    } catch {
      // The store refused (full, denied): nothing of the batch is in the log, so a later exchange offers it again.
    } finally {
      end()
    }
  }

  function store(address: LogAddress, entry: LogEntry, from: string): void {
    const queue = waiting.get(address)
    if (queue !== undefined) {
      queue.push({ entry, from })
      return
    }
    const begun = [{ entry, from }]
    waiting.set(address, begun)
    void storeWaiting(address, begun)
  }

  const validateEntry: TopicValidatorFn = async (peer, { topic, data }) => {
    const address = addressOf(topic)
    if (data.byteLength > MAX_ENTRY_BYTES) return TopicValidatorResult.Reject
    if ((waiting.get(address)?.length ?? 0) >= MAX_WAITING_ENTRIES)
      return TopicValidatorResult.Ignore
    const judgement = await useLog(address, (log) => log.judge(data))
    if (judgement === undefined || judgement.kind === 'known') return TopicValidatorResult.Ignore
    if (judgement.kind === 'refused') return TopicValidatorResult.Reject
    store(address, judgement.entry, peer.toString())
    return TopicValidatorResult.Accept
  }

  const validateLive: TopicValidatorFn = async (_peer, { topic, data }) => {
    const address = addressOf(topic)
    if (data.byteLength > MAX_LIVE_FRAME_BYTES) return TopicValidatorResult.Reject
    const result = await useLog(address, (log) => hearLive(log, data))
    return result ?? TopicValidatorResult.Ignore
  }

  async function hearLive(log: OrbitLog, data: Uint8Array): Promise<TopicValidatorResult> {
    const frame = await readLiveFrame(verifier, log.manifest, log.address, data)
    if (frame === undefined) return TopicValidatorResult.Reject
    const memory = heardLive.get(log.address) ?? createLiveFrameMemory({ clock })
    if (followed.has(log.address)) heardLive.set(log.address, memory)
    if (log.isClosed || !memory.isNew(frame.writer, frame.timeMs))
      return TopicValidatorResult.Ignore
    log.emit('live', { log: log.address, writer: frame.writer, sealed: frame.sealed })
    return TopicValidatorResult.Accept
  }

  function subscribe(address: LogAddress): void {
    const liveTopic = address + LIVE_TOPIC_SUFFIX
    pubsub.topicValidators.set(address, validateEntry)
    pubsub.topicValidators.set(liveTopic, validateLive)
    pubsub.subscribe(address)
    pubsub.subscribe(liveTopic)
  }

  return {
    follow(address) {
      const topics = [address, address + LIVE_TOPIC_SUFFIX]
      const wasQuiet = followed.get(address) === false
      followed.set(address, true)
      if (!wasQuiet) {
        subscribe(address)
        return
      }
      for (const peer of pubsub.getPeers()) announcer.sendSubscriptions(String(peer), topics, true)
    },
    followQuietly(addresses, peerId) {
      const topics: string[] = []
      for (const address of addresses) {
        if (followed.get(address) === true) continue
        topics.push(address, address + LIVE_TOPIC_SUFFIX)
        if (followed.has(address)) continue
        followed.set(address, false)
        isSubscribing = true
        try {
          subscribe(address)
        } finally {
          isSubscribing = false
        }
      }
      // One message for all, instead of one for each topic.
      if (topics.length > 0) announce(peerId, topics, true)
    },
    isFollowing: (address) => followed.has(address),
    quietlyFollowed: () => [...followed].flatMap(([address, isOpen]) => (isOpen ? [] : [address])),
    unfollow(address) {
      if (!followed.has(address)) return
      for (const topic of [address, address + LIVE_TOPIC_SUFFIX]) {
        try {
          pubsub.unsubscribe(topic)
        } catch {
          // The node has stopped already.
        }
        pubsub.topicValidators.delete(topic)
      }
      followed.delete(address)
      heardLive.delete(address)
    },
    followersOf,
    publishEntry(address, entry) {
      publish(address, entry.bytes)
    },
    async publishLive(address, writer, sealed) {
      // Two frames in one millisecond, or a clock set back, must still be newer than the last.
      lastLiveTime = Math.max(clock.now(), lastLiveTime + 1)
      publish(
        address + LIVE_TOPIC_SUFFIX,
        await encodeLiveFrame(writer, address, { timeMs: lastLiveTime, sealed })
      )
    }
  }
}

/** The log of either of its topics. */
function addressOf(topic: string): LogAddress {
  const address = topic.endsWith(LIVE_TOPIC_SUFFIX)
    ? topic.slice(0, -LIVE_TOPIC_SUFFIX.length)
    : topic
  return address as LogAddress // any other string is simply not a key
}

function isAnnouncer(pubsub: object): pubsub is Announcer {
  return 'sendSubscriptions' in pubsub && typeof pubsub.sendSubscriptions === 'function'
}
