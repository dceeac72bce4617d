import type { Connection, Stream } from '@libp2p/interface'
import { SYNC_IDLE_TIMEOUT_MS } from '#protocol/limits.ts'
import { DIGEST_PROTOCOL } from '#protocol/protocol-ids.ts'
import { readMessage, sendMessage } from '../network/stream-messages.ts'
import {
  comparisonBytes,
  decodeComparisons,
  decodeDigest,
  encodeComparisons,
  encodeDigest,
  MAX_DIGEST_BYTES
} from './digest-messages.ts'
import type { Comparison, Digest } from './digest-messages.ts'

/** Digests of one connection that may be open towards us: an honest peer sends one after the other. */
export const MAX_DIGEST_STREAMS = 4

/** `undefined` when the peer does not speak the protocol; rejects when it gives no readable answer in time. */
export async function askDigest(
  connection: Connection,
  digest: Digest,
  stopped: AbortSignal
): Promise<readonly Comparison[] | undefined> {
  const count = digest.items.length
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(SYNC_IDLE_TIMEOUT_MS)])
  let stream: Stream
  try {
    stream = await connection.newStream(DIGEST_PROTOCOL, { signal })
  } catch (error) {
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') return undefined
    throw error
  }
  try {
    const answer = readMessage(stream, comparisonBytes(count), signal)
    // Reading starts first, so that an early answer is not lost; its failure is the one that counts.
    await Promise.race([sendMessage(stream, encodeDigest(digest), signal), answer])
    return decodeComparisons(await answer, count)
  } catch (error) {
    stream.abort(new Error('digest failed'))
    throw error
  }
}

/** Answers one digest. Never throws: the stream of a peer that sends anything else is aborted. */
export async function answerDigest(
  stream: Stream,
  compare: (digest: Digest) => Promise<readonly Comparison[]>,
  stopped: AbortSignal
): Promise<void> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(SYNC_IDLE_TIMEOUT_MS)])
  try {
    const digest = decodeDigest(await readMessage(stream, MAX_DIGEST_BYTES, signal))
    await sendMessage(stream, encodeComparisons(await compare(digest)), signal)
  } catch {
    stream.abort(new Error('digest refused'))
  }
}
