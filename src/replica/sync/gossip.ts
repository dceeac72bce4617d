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

/** Entries that wait for the disk, per log. Beyond it gossip is dropped: the next exchange brings it. */
const MAX_WAITING_ENTRIES = 2_048

/** The live side of replication: entries on the topic of the log's address, live frames on another. */
export interface Gossip {
  /** Subscribes; nothing is delivered or forwarded that the rules of the log refuse. */
  follow(log: OrbitLog): void
  unfollow(address: LogAddress): void
  /** Best effort: what is lost here, an exchange repairs. Never throws. */
  publishEntry(address: LogAddress, entry: Pick<LogEntry, 'bytes'>): void
  /** @throws {DeadDropError} `bytes-too-large` when the frame would exceed `MAX_LIVE_FRAME_BYTES`. */
  publishLive(address: LogAddress, writer: LogWriter, sealed: SealedBytes): Promise<void>
}

interface Followed {
  readonly log: OrbitLog
  readonly waiting: { readonly entry: LogEntry; readonly from: string }[]
  isStoring: boolean
  readonly heardLive: LiveFrameMemory
}

/**
 * @param components.onHeld - entries lack ancestors; `peerIds` are those that sent them.
 */
export function createGossip(components: {
  readonly pubsub: GossipSub
  readonly verifier: SignatureVerifier
  readonly clock: Clock
  readonly onHeld: (address: LogAddress, peerIds: ReadonlySet<string>) => void
}): Gossip {
  const { pubsub, verifier, clock } = components
  const followed = new Map<LogAddress, Followed>()
  let lastLiveTime = 0

  function publish(topic: string, bytes: Uint8Array): void {
    // Fails when nobody listens or the node is stopping; exchanges do not depend on it.
    pubsub.publish(topic, bytes).catch(() => undefined)
  }

  /** Everything that came while the last batch was written goes into the next one. */
  async function storeWaiting(follow: Followed): Promise<void> {
    if (follow.isStoring) return
    follow.isStoring = true
    try {
      while (follow.waiting.length > 0) {
        const batch = follow.waiting.splice(0)
        const { held } = await follow.log.ingest(batch.map(({ entry }) => entry))
        if (held > 0) components.onHeld(follow.log.address, new Set(batch.map(({ from }) => from)))
      }
    } catch {
      // The store refused (full, denied): nothing of the batch is in the log, so a later exchange offers it again.
    } finally {
      follow.isStoring = false
    }
  }

  function entryValidator(follow: Followed): TopicValidatorFn {
    return async (peer, { data }) => {
      if (data.byteLength > MAX_ENTRY_BYTES) return TopicValidatorResult.Reject
      if (follow.log.isClosed || follow.waiting.length >= MAX_WAITING_ENTRIES)
        return TopicValidatorResult.Ignore
      const judgement = await follow.log.judge(data)
      if (judgement.kind === 'refused') return TopicValidatorResult.Reject
      if (judgement.kind === 'known') return TopicValidatorResult.Ignore
      follow.waiting.push({ entry: judgement.entry, from: peer.toString() })
      void storeWaiting(follow)
      return TopicValidatorResult.Accept
    }
  }

  function liveValidator({ log, heardLive }: Followed): TopicValidatorFn {
    return async (_peer, { data }) => {
      if (data.byteLength > MAX_LIVE_FRAME_BYTES) return TopicValidatorResult.Reject
      const frame = await readLiveFrame(verifier, log.manifest, log.address, data)
      if (frame === undefined) return TopicValidatorResult.Reject
      if (log.isClosed || !heardLive.isNew(frame.writer, frame.timeMs))
        return TopicValidatorResult.Ignore
      log.emit('live', { log: log.address, writer: frame.writer, sealed: frame.sealed })
      return TopicValidatorResult.Accept
    }
  }

  return {
    follow(log) {
      const follow: Followed = {
        log,
        waiting: [],
        isStoring: false,
        heardLive: createLiveFrameMemory({ clock })
      }
      followed.set(log.address, follow)
      const liveTopic = log.address + LIVE_TOPIC_SUFFIX
      pubsub.topicValidators.set(log.address, entryValidator(follow))
      pubsub.topicValidators.set(liveTopic, liveValidator(follow))
      pubsub.subscribe(log.address)
      pubsub.subscribe(liveTopic)
    },
    unfollow(address) {
      if (!followed.delete(address)) return
      for (const topic of [address, address + LIVE_TOPIC_SUFFIX]) {
        try {
          pubsub.unsubscribe(topic)
        } catch {
          // The node has stopped already.
        }
        pubsub.topicValidators.delete(topic)
      }
    },
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
