import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_SYNC_UNACKED_FRAMES } from '#protocol/limits.ts'
import { nextTask } from '../next-task.ts'
import type { LogEntry } from '../orbitdb/entry-rules.ts'
import type { Have, OrbitLog } from '../orbitdb/orbit-log.ts'
import { EntryPacker } from '../orbitdb/packed-entries.ts'
import type { FrameStream } from './frame-stream.ts'
import { decodeSyncMessage, encodeSyncMessage } from './sync-messages.ts'

/**
 * Entries are sent in frames of about this size, at first: whoever waits for the first ones sees them sooner. Each frame may
 * be twice as large as the one before, up to what a page verifies and stores without a pause that anybody notices.
 */
const FIRST_FRAME_BYTES = 8_192
const LARGEST_FRAME_BYTES = 65_536
/** Entries that are written at once when they come faster than the disk takes them. */
const MAX_STORED_AT_ONCE = 128

export interface ExchangeOutcome {
  readonly kind: 'settled' | 'failed' | 'unsupported'
  readonly sent: number
  /** Entries that were new here. */
  readonly received: number
  /** Those of them that no other of them names. */
  readonly newHeads: ReadonlySet<EntryHash>
}

const NOTHING: Omit<ExchangeOutcome, 'kind'> = { sent: 0, received: 0, newHeads: new Set() }

/** Offers `log` to a peer and exchanges what either side lacks. Never throws; the stream is closed or aborted afterwards. */
export async function initiateExchange(
  frames: FrameStream,
  log: OrbitLog
): Promise<ExchangeOutcome> {
  try {
    await frames.write(
      encodeSyncMessage({ type: 'have', address: log.address, ...(await log.have()) })
    )
    const answer = await readMessage(frames)
    if (answer.type === 'refuse') {
      await frames.close()
      return { kind: 'unsupported', ...NOTHING }
    }
    if (answer.type !== 'have' || answer.address !== log.address) {
      throw new DeadDropError('bytes-malformed', 'answer is not about the log that was asked for')
    }
    return await transfer(frames, log, answer)
  } catch {
    frames.abort()
    return { kind: 'failed', ...NOTHING }
  }
}

/** Answers a peer's offer. Never throws; the stream is closed or aborted afterwards. */
export async function answerExchange(
  frames: FrameStream,
  find: (address: LogAddress) => OrbitLog | undefined | Promise<OrbitLog | undefined>
): Promise<{ readonly log: OrbitLog; readonly outcome: ExchangeOutcome } | undefined> {
  try {
    const offer = await readMessage(frames)
    if (offer.type !== 'have')
      throw new DeadDropError('bytes-malformed', 'exchange does not begin with an offer')
    const log = await find(offer.address)
    if (log === undefined) {
      await frames.write(encodeSyncMessage({ type: 'refuse' }))
      await frames.close()
      return undefined
    }
    await frames.write(
      encodeSyncMessage({ type: 'have', address: log.address, ...(await log.have()) })
    )
    return { log, outcome: await transfer(frames, log, offer) }
  } catch {
    frames.abort()
    return undefined
  }
}

/** Both directions at once: neither side waits for the other to finish before it reads. */
async function transfer(
  frames: FrameStream,
  log: OrbitLog,
  theirs: Have
): Promise<ExchangeOutcome> {
  const newHeads = new Set<EntryHash>()
  let received = 0
  let sent = 0
  let unacked = 0
  let isAllSent = false
  let hasEnded = false
  let isOver = false
  /** Frames taken whose ack has not left. */
  let owedAcks = 0
  let wakeSender = (): void => undefined
  let judging: Promise<void> = Promise.resolve()
  let storing: Promise<void> = Promise.resolve()
  let isStoring = false
  /** One item for each frame that was judged and waits for the disk. */
  const judged: (readonly LogEntry[])[] = []

  async function sendEntries(packer: EntryPacker): Promise<void> {
    while (unacked >= MAX_SYNC_UNACKED_FRAMES) {
      // Looked at before each wait: it may have ended while the next page was read from disk.
      if (isOver) throw new DeadDropError('stopped', 'exchange is over')
      await new Promise<void>((resolve) => (wakeSender = resolve))
    }
    unacked++
    await frames.write(encodeSyncMessage({ type: 'entries', packed: packer.bytes() }))
    sent += packer.count
  }

  async function sendMissing(): Promise<void> {
    let packer = new EntryPacker()
    let targetBytes = FIRST_FRAME_BYTES
    const pages = theirs.isFull ? [] : log.missingFrom([...theirs.heads, ...theirs.ladder])
    for await (const page of pages) {
      if (page.length === 0) await sendEntries(new EntryPacker())
      for (const block of page) {
        packer.add(block)
        if (packer.byteLength < targetBytes && packer.hasRoom) continue
        await sendEntries(packer)
        packer = new EntryPacker()
        targetBytes = Math.min(2 * targetBytes, LARGEST_FRAME_BYTES)
      }
    }
    if (packer.count > 0) await sendEntries(packer)
    isAllSent = true
    await frames.write(encodeSyncMessage({ type: 'end' }))
  }

  /** Frames are judged side by side, and stored in the order in which they came, as many at once as wait for the disk. */
  function take(packed: Uint8Array): void {
    owedAcks++
    // Whoever sends on without reading would fill our memory with acks. One may have arrived whose write is not settled yet.
    if (owedAcks > MAX_SYNC_UNACKED_FRAMES + 1)
      throw new DeadDropError('node-misbehaved', 'peer does not wait for acks')
    const verdict = judgeFrame(packed)
    const previous = judging
    judging = abortOnFailure(async () => {
      const [valid] = await Promise.all([verdict, previous])
      judged.push(valid)
      if (!isStoring) storing = abortOnFailure(storeJudged)
    })
    // Awaited when no more frames come; a failure until then must not count as unhandled.
    judging.catch(() => undefined)
  }

  async function judgeFrame(packed: Uint8Array): Promise<readonly LogEntry[]> {
    const valid: LogEntry[] = []
    for (const judgement of await log.judgePacked(packed)) {
      // An honest peer stores nothing that the rules refuse, so it cannot send it.
      if (judgement.kind === 'refused')
        throw new DeadDropError('node-misbehaved', 'peer sent a refused entry')
      if (judgement.kind === 'valid') valid.push(judgement.entry)
    }
    return valid
  }

  async function storeJudged(): Promise<void> {
    storing.catch(() => undefined)
    isStoring = true
    try {
      while (judged.length > 0) {
        const batch: LogEntry[] = []
        let frameCount = 0
        for (const entries of judged) {
          if (frameCount > 0 && batch.length + entries.length > MAX_STORED_AT_ONCE) break
          batch.push(...entries)
          frameCount++
        }
        judged.splice(0, frameCount)
        const { stored } = await log.ingest(batch)
        received += stored.length
        for (const { hash, next, refs } of stored) {
          for (const parent of [...next, ...refs]) newHeads.delete(parent)
          newHeads.add(hash)
        }
        for (; frameCount > 0; frameCount--) acknowledge()
      }
    } finally {
      isStoring = false
    }
  }

  /** Not awaited: a reader that waits for its own writes could wait for a peer that does the same. */
  function acknowledge(): void {
    frames.write(encodeSyncMessage({ type: 'ack' })).then(
      () => owedAcks--,
      () => undefined
    )
  }

  function isDone(): boolean {
    return hasEnded && isAllSent && unacked === 0
  }

  async function receive(): Promise<void> {
    try {
      while (!isDone()) {
        const frame = await frames.read()
        if (frame === undefined) {
          // The peer's last word may come before our own: it closes once it has heard that one.
          if (isDone()) break
          throw endedEarly()
        }
        const message = decodeSyncMessage(frame)
        switch (message.type) {
          case 'entries':
            if (hasEnded) throw new DeadDropError('bytes-malformed', 'entries came after their end')
            take(message.packed)
            // Frames that came together must not become one long task.
            await nextTask()
            break
          case 'ack':
            if (unacked === 0)
              throw new DeadDropError('bytes-malformed', 'ack came for nothing that was sent')
            unacked--
            wakeSender()
            break
          case 'end':
            if (hasEnded) throw new DeadDropError('bytes-malformed', 'end came twice')
            hasEnded = true
            break
          case 'have':
          case 'refuse':
            throw new DeadDropError('bytes-malformed', 'expected entries, their acks or their end')
        }
      }
    } finally {
      await judging
      await storing
    }
  }

  const results = await Promise.allSettled([abortOnFailure(sendMissing), abortOnFailure(receive)])
  const isSettled = results.every(({ status }) => status === 'fulfilled')
  if (isSettled) await frames.close()
  return { kind: isSettled ? 'settled' : 'failed', sent, received, newHeads }

  async function abortOnFailure(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      isOver = true
      frames.abort()
      wakeSender()
      throw error
    }
  }
}

async function readMessage(frames: FrameStream): Promise<ReturnType<typeof decodeSyncMessage>> {
  const frame = await frames.read()
  if (frame === undefined) throw endedEarly()
  return decodeSyncMessage(frame)
}

function endedEarly(): DeadDropError {
  return new DeadDropError('bytes-malformed', 'stream ended before the exchange did')
}
