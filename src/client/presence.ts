import { decodeLive, encodeLive } from '#messaging/live-codec.ts'
import type { SealingSession } from '#messaging/ports.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import type { SegmentedLog } from '#replica/segments/segmented-log.ts'

export interface Presence {
  /** Peer ids that the other members' devices announced since this device started. */
  readonly peers: ReadonlySet<string>
  /** Own addresses or connections changed. */
  networkChanged(): void
  /** Says "I am here" now, and asks the others. */
  announce(): void
  stop(): void
}

/** Gossip needs some heartbeats before a topic has listeners: the first announcements come close to each other. */
const FIRST_DELAYS_MS = [300, 1_000, 2_000, 4_000, 8_000, 16_000]
const INTERVAL_MS = 45_000
/** Peers of one contact that are remembered: a member may name any number of them. */
const MAX_PEERS = 16
/** Answers to one question of a peer, at most one per this time. */
const MIN_ANSWER_INTERVAL_MS = 500
/** The side with the greater peer id leaves the dial to the other one, but not for ever. */
const POLITE_DELAY_MS = 4_000
const DIAL_TIMEOUT_MS = 30_000

/**
 * Tells the other members where this device can be reached, hears where they are, and keeps a direct connection to them
 * where the user allows it. Best effort: messages never wait for it.
 */
export function createPresence(
  components: {
    readonly replica: Replica
    readonly chain: Pick<SegmentedLog, 'sendLive' | 'addEventListener'>
    readonly session: () => SealingSession
    readonly clock: Clock
  },
  init: {
    readonly isDirectAllowed: () => boolean
    /** A peer of the contact was heard of for the first time. */
    readonly onPeer: () => void
  }
): Presence {
  const { replica, chain, session, clock } = components
  const stopped = new AbortController()
  /** Where each peer said it is; the one that spoke last comes last. */
  const peers = new Map<string, readonly string[]>()
  /** Peers to which the dial was left, until it is our turn. */
  const polite = new Set<string>()
  const dialing = new Set<string>()
  const timers = new Set<() => void>()
  let counter = 0
  let lastAnswerMs = -Infinity
  let lastAddresses = ''

  function later(delayMs: number, callback: () => void): void {
    const cancel = clock.after(delayMs, () => {
      timers.delete(cancel)
      callback()
    })
    timers.add(cancel)
  }

  async function say(wantsAnswer: boolean): Promise<void> {
    const { peerId, multiaddrs } = replica.network()
    counter = Math.max(counter + 1, clock.now())
    const plain = encodeLive({
      kind: 'presence',
      peerId,
      multiaddrs: init.isDirectAllowed() ? multiaddrs.filter(isDirectAddress) : [],
      wantsAnswer,
      atMs: clock.now(),
      counter
    })
    await chain.sendLive(await session().sealLive(plain))
  }

  function sayQuietly(wantsAnswer: boolean): void {
    if (stopped.signal.aborted) return
    say(wantsAnswer).catch(() => undefined) // nobody listens, or the log is closing: the next round comes by itself
  }

  async function hear(sealed: Parameters<SealingSession['openLive']>[0]): Promise<void> {
    const plain = await session().openLive(sealed)
    if (plain === undefined) return
    const live = decodeLive(plain)
    if (live.kind !== 'presence' || live.peerId === replica.peerId) return
    // That no frame is heard twice, and no older one, was seen to where frames are received.
    const isNew = !peers.delete(live.peerId)
    peers.set(live.peerId, live.multiaddrs)
    const oldest = peers.keys().next()
    if (peers.size > MAX_PEERS && oldest.done !== true) peers.delete(oldest.value)
    if (isNew) init.onPeer()
    if (live.wantsAnswer && clock.now() - lastAnswerMs >= MIN_ANSWER_INTERVAL_MS) {
      lastAnswerMs = clock.now()
      sayQuietly(false)
    }
    considerDial(live.peerId)
  }

  function considerDial(peerId: string): void {
    if (isLinked(peerId) || !init.isDirectAllowed() || dialing.has(peerId)) return
    if (replica.peerId < peerId) {
      void dial(peerId)
    } else if (!polite.has(peerId)) {
      polite.add(peerId)
      later(POLITE_DELAY_MS, () => {
        polite.delete(peerId)
        void dial(peerId)
      })
    }
  }

  function isLinked(peerId: string): boolean {
    return replica.network().peers.some((peer) => peer.peerId === peerId && !peer.isLimited)
  }

  async function dial(peerId: string): Promise<void> {
    const multiaddrs = peers.get(peerId) ?? []
    if (multiaddrs.length === 0 || stopped.signal.aborted) return
    if (isLinked(peerId) || dialing.has(peerId)) return
    dialing.add(peerId)
    try {
      const deadline = AbortSignal.any([stopped.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
      await replica.connectDirect(peerId, multiaddrs, deadline)
    } finally {
      dialing.delete(peerId)
    }
  }

  chain.addEventListener('live', ({ detail }) => void hear(detail.sealed).catch(() => undefined), {
    signal: stopped.signal
  })
  for (const delay of FIRST_DELAYS_MS)
    later(delay, () => {
      sayQuietly(true)
    })
  const repeat = (): void => {
    sayQuietly(true)
    for (const peerId of peers.keys()) considerDial(peerId)
    later(INTERVAL_MS, repeat)
  }
  later(INTERVAL_MS, repeat)

  return {
    get peers() {
      return new Set(peers.keys())
    },
    networkChanged() {
      const addresses = replica.network().multiaddrs.filter(isDirectAddress).join()
      if (addresses === lastAddresses) return
      lastAddresses = addresses
      sayQuietly(true)
    },
    announce() {
      sayQuietly(true)
      for (const peerId of peers.keys()) considerDial(peerId)
    },
    stop() {
      stopped.abort()
      for (const cancel of timers) cancel()
      timers.clear()
    }
  }
}

/** Only addresses that lead to a WebRTC connection are told: the others are the node's own. */
function isDirectAddress(multiaddr: string): boolean {
  return multiaddr.includes('/webrtc')
}
