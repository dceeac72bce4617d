import type { LogAddress } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_SYNC_UNACKED_FRAMES } from '#protocol/limits.ts'
import type { LogEntry } from '../orbitdb/entry-rules.ts'
import type { Have, OrbitLog } from '../orbitdb/orbit-log.ts'
import type { FrameStream } from './frame-stream.ts'
import { decodeSyncMessage, encodeSyncMessage } from './sync-messages.ts'

/** Entries are sent in frames of about this size: small enough that a slow link stores progress often. */
const TARGET_FRAME_BYTES = 65_536

export interface ExchangeOutcome {
  readonly kind: 'settled' | 'failed' | 'unsupported'
  readonly sent: number
  /** What was new here, in the order of arrival. */
  readonly stored: readonly LogEntry[]
}

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
      return { kind: 'unsupported', sent: 0, stored: [] }
    }
    if (answer.type !== 'have' || answer.address !== log.address) {
      throw new DeadDropError('bytes-malformed', 'answer is not about the log that was asked for')
    }
    return await transfer(frames, log, answer)
  } catch {
    frames.abort()
    return { kind: 'failed', sent: 0, stored: [] }
  }
}

/** Answers a peer's offer. Never throws; the stream is closed or aborted afterwards. */
export async function answerExchange(
  frames: FrameStream,
  find: (address: LogAddress) => OrbitLog | undefined
): Promise<{ readonly log: OrbitLog; readonly outcome: ExchangeOutcome } | undefined> {
  try {
    const offer = await readMessage(frames)
    if (offer.type !== 'have')
      throw new DeadDropError('bytes-malformed', 'exchange does not begin with an offer')
    const log = find(offer.address)
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
  const received = new Set<string>()
  const stored: LogEntry[] = []
  let sent = 0
  let unacked = 0
  let isAllSent = false
  let hasEnded = false
  let isOver = false
  /** Frames taken whose ack has not left. */
  let owedAcks = 0
  let wakeSender = (): void => undefined
  let storing: Promise<void> = Promise.resolve()

  async function sendEntries(entries: readonly Uint8Array[]): Promise<void> {
    while (unacked >= MAX_SYNC_UNACKED_FRAMES) {
      // Looked at before each wait: it may have ended while the next page was read from disk.
      if (isOver) throw new DeadDropError('stopped', 'exchange is over')
      await new Promise<void>((resolve) => (wakeSender = resolve))
    }
    unacked++
    await frames.write(encodeSyncMessage({ type: 'entries', entries }))
    sent += entries.length
  }

  async function sendMissing(): Promise<void> {
    let batch: Uint8Array[] = []
    let batchBytes = 0
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return
      await sendEntries(batch)
      batch = []
      batchBytes = 0
    }
    const pages = theirs.isFull ? [] : log.missingFrom([...theirs.heads, ...theirs.ladder])
    for await (const page of pages) {
      if (page.length === 0) await sendEntries([])
      for (const { hash, bytes } of page) {
        if (received.has(hash)) continue
        if (batchBytes + bytes.byteLength > TARGET_FRAME_BYTES) await flush()
        batch.push(bytes)
        batchBytes += bytes.byteLength
      }
    }
    await flush()
    isAllSent = true
    await frames.write(encodeSyncMessage({ type: 'end' }))
  }

  /** Judges and stores one frame; the next one is judged while this one is written to disk. */
  async function take(entries: readonly Uint8Array[]): Promise<void> {
    owedAcks++
    // Whoever sends on without reading would fill our memory with acks. One may have arrived whose write is not settled yet.
    if (owedAcks > MAX_SYNC_UNACKED_FRAMES + 1)
      throw new DeadDropError('node-misbehaved', 'peer does not wait for acks')
    const valid: LogEntry[] = []
    for (const judgement of await log.judgeAll(entries)) {
      // An honest peer stores nothing that the rules refuse, so it cannot send it.
      if (judgement.kind === 'refused')
        throw new DeadDropError('node-misbehaved', 'peer sent a refused entry')
      if (judgement.kind === 'valid') valid.push(judgement.entry)
    }
    for (const { hash } of valid) received.add(hash)
    await storing
    storing = log.ingest(valid).then((outcome) => {
      stored.push(...outcome.stored)
      // Not awaited: a reader that waits for its own writes could wait for a peer that does the same.
      frames.write(encodeSyncMessage({ type: 'ack' })).then(
        () => owedAcks--,
        () => undefined
      )
    })
    // Awaited before the next frame is stored; a failure until then must not count as unhandled.
    storing.catch(() => undefined)
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
            await take(message.entries)
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
      await storing
    }
  }

  const results = await Promise.allSettled([abortOnFailure(sendMissing), abortOnFailure(receive)])
  const isSettled = results.every(({ status }) => status === 'fulfilled')
  if (isSettled) await frames.close()
  return { kind: isSettled ? 'settled' : 'failed', sent, stored }

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
