import type { LogAddress } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { LogEntry } from '../orbitdb/entry-rules.ts'
import type { Have, IngestOutcome, OrbitLog } from '../orbitdb/orbit-log.ts'
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

  async function sendMissing(): Promise<void> {
    let batch: Uint8Array[] = []
    let batchBytes = 0
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return
      await frames.write(encodeSyncMessage({ type: 'entries', entries: batch }))
      sent += batch.length
      batch = []
      batchBytes = 0
    }
    const pages = theirs.isFull ? [] : log.missingFrom([...theirs.heads, ...theirs.ladder])
    for await (const page of pages) {
      if (page.length === 0) {
        await frames.write(encodeSyncMessage({ type: 'entries', entries: [] }))
      }
      for (const { hash, bytes } of page) {
        if (received.has(hash)) continue
        if (batchBytes + bytes.byteLength > TARGET_FRAME_BYTES) await flush()
        batch.push(bytes)
        batchBytes += bytes.byteLength
      }
    }
    await flush()
    await frames.write(encodeSyncMessage({ type: 'end' }))
  }

  async function receive(): Promise<void> {
    // One batch is stored while the next is verified.
    let storing: Promise<IngestOutcome> | undefined
    const settle = async (): Promise<void> => {
      const outcome = await storing
      storing = undefined
      if (outcome !== undefined) stored.push(...outcome.stored)
    }
    try {
      for (;;) {
        const message = await readMessage(frames)
        if (message.type === 'end') break
        if (message.type !== 'entries')
          throw new DeadDropError('bytes-malformed', 'expected entries or their end')
        const judged = await log.judgeAll(message.entries)
        const valid: LogEntry[] = []
        for (const judgement of judged) {
          // An honest peer stores nothing that the rules refuse, so it cannot send it.
          if (judgement.kind === 'refused')
            throw new DeadDropError('node-misbehaved', 'peer sent a refused entry')
          if (judgement.kind === 'valid') valid.push(judgement.entry)
        }
        for (const { hash } of valid) received.add(hash)
        await settle()
        storing = log.ingest(valid)
        // Awaited in `settle`; a failure while the next frame is read must not count as unhandled.
        storing.catch(() => undefined)
      }
    } finally {
      await settle()
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
      frames.abort()
      throw error
    }
  }
}

async function readMessage(frames: FrameStream): Promise<ReturnType<typeof decodeSyncMessage>> {
  const frame = await frames.read()
  if (frame === undefined)
    throw new DeadDropError('bytes-malformed', 'stream ended before the exchange did')
  return decodeSyncMessage(frame)
}
