import type { History } from '#history/history.ts'
import { putRecord } from '#history/record-kind.ts'
import { SEGMENT_RETENTION_MS } from '#protocol/limits.ts'
import type { PinReceipt } from '#protocol/pin-messages.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import { createSegmentedLog } from '#replica/segments/create-segmented-log.ts'
import { segmentOfOrderTime } from '#replica/segments/order-time.ts'
import type {
  KeptSegment,
  Segment,
  SegmentBounds,
  SegmentedLog,
  SegmentView
} from '#replica/segments/segmented-log.ts'
import { HOLD_FOR_MS, type Holder } from './holder.ts'
import { chainKind } from './records.ts'
import { createSerial } from './serial.ts'

/** What a test may set: when segments are left, and how long they stay. */
export interface SegmentPolicy extends SegmentBounds {
  /** How long a segment that was left and opened stays on the disk. */
  readonly retentionMs: number
}

/** Messages among which one that is in a log is looked for; the newest may wait for the network. */
const MAX_LOOKED_AT = 100

/** Opens the chain of a conversation, as far as this device knew it. */
export async function openChain(
  components: {
    readonly history: History
    readonly replica: Replica
    readonly clock: Clock
    readonly segment: (number: number) => Segment
  },
  init: { readonly conversation: string; readonly policy: Partial<SegmentPolicy> }
): Promise<SegmentedLog> {
  const { history } = components
  return createSegmentedLog(
    {
      ...components,
      async save(state) {
        await history.commit({ records: [putRecord(chainKind, init.conversation, state)] })
      }
    },
    { kept: await keptSegments(history, init.conversation), bounds: init.policy }
  )
}

async function keptSegments(
  history: History,
  conversation: string
): Promise<readonly KeptSegment[]> {
  const kept = await history.record(chainKind, conversation).catch(() => undefined)
  if (kept !== undefined) return kept
  // Whoever begins too early in a chain finds segments that nobody has any more, and never comes to the others.
  const { records } = await history.messages(conversation, { limit: MAX_LOOKED_AT })
  const time = records.findLast(({ order }) => order !== null)?.order?.time
  return time === undefined
    ? []
    : [{ number: segmentOfOrderTime(time), firstSeenAtMs: null, leftAtMs: null }]
}

/** Sees to the segments of one conversation: which of them nodes shall hold, and which this disk keeps. */
export interface SegmentKeeper {
  stop(): Promise<void>
}

/** Time between two looks when nothing changed: promises and retention count in weeks. */
const LOOK_INTERVAL_MS = 24 * 60 * 60_000

export function createSegmentKeeper(
  components: {
    readonly chain: SegmentedLog
    readonly history: History
    readonly holder: Holder
    readonly clock: Clock
  },
  init: {
    readonly conversation: string
    /** @default SEGMENT_RETENTION_MS */
    readonly retentionMs?: number | undefined
    /** A node signed for a segment; the receipt was verified. */
    readonly onReceipt: (segment: number, receipt: PinReceipt) => Promise<void>
  }
): SegmentKeeper {
  const { chain, history, holder, clock } = components
  const retentionMs = init.retentionMs ?? SEGMENT_RETENTION_MS
  const stopped = new AbortController()
  const looks = createSerial()
  /** Segments that nodes are asked to hold, in this run. */
  const registered = new Set<number>()
  let isLookPlanned = false
  let cancelTimer: (() => void) | undefined

  function look(): void {
    if (isLookPlanned || stopped.signal.aborted) return
    isLookPlanned = true
    cancelTimer?.()
    cancelTimer = clock.after(LOOK_INTERVAL_MS, look)
    // A look that fails is repeated: with the next change, or tomorrow.
    looks.run(lookOnce).catch(() => undefined)
  }

  async function lookOnce(): Promise<void> {
    isLookPlanned = false
    const firstUndelivered = await undeliveredSegment()
    for (const view of chain.segments()) {
      if (isAborted()) return
      if (isWanted(view, firstUndelivered)) await want(view)
      else unwant(view)
    }
    for (const view of chain.segments()) {
      if (isAborted() || !(await isOver(view, firstUndelivered))) return
      unwant(view)
      await chain.drop(view.number)
    }
  }

  function isAborted(): boolean {
    return stopped.signal.aborted
  }

  /** The segment of the oldest own message that nobody has: it must not vanish anywhere. */
  async function undeliveredSegment(): Promise<number> {
    const [oldest] = await history.undelivered(init.conversation, 1)
    return oldest?.order ? segmentOfOrderTime(oldest.order.time) : Infinity
  }

  function isWanted({ number, leftAtMs }: SegmentView, firstUndelivered: number): boolean {
    return leftAtMs === null || number >= firstUndelivered || clock.now() - leftAtMs < HOLD_FOR_MS
  }

  async function want({ number, segment, isDamaged }: SegmentView): Promise<void> {
    if (registered.has(number) || isDamaged) return
    registered.add(number)
    const { manifest, address, writer } = segment
    holder.register({
      log: {
        address,
        manifest,
        isCovered: (hash, heads) => chain.isCovered(number, hash, heads)
      },
      kind: 'conversation',
      writer,
      onReceipt: (receipt) => init.onReceipt(number, receipt)
    })
    // One that cannot be read says so itself.
    const [newest] = await chain.heads(number).catch(() => [])
    if (newest !== undefined) holder.want(address, newest)
  }

  function unwant({ number, segment }: SegmentView): void {
    registered.delete(number)
    holder.release(segment.address)
  }

  async function isOver(
    { number, leftAtMs, segment, entries, isDamaged }: SegmentView,
    firstUndelivered: number
  ): Promise<boolean> {
    if (leftAtMs === null || clock.now() - leftAtMs < retentionMs) return false
    if (number >= firstUndelivered) return false
    if (isDamaged) return true
    return entries !== null && (await history.cursor(segment.address)) >= entries
  }

  chain.addEventListener('change', look, { signal: stopped.signal })
  look()

  return {
    async stop() {
      stopped.abort()
      cancelTimer?.()
      await looks.idle()
    }
  }
}
