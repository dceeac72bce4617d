import { decodeOptions } from '@ipld/dag-cbor'
import type { Connection, Stream } from '@libp2p/interface'
import { decodeFirst } from 'cborg'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_ENTRY_BYTES, MAX_PIN_HEADS, SYNC_IDLE_TIMEOUT_MS } from '#protocol/limits.ts'
import type { Clock } from '../network/clock.ts'
import type { LogEntry } from '../orbitdb/entry-rules.ts'
import type { OrbitLog } from '../orbitdb/orbit-log.ts'
import type { ExchangeOutcome } from './exchange.ts'

/** Heads that are sent to, and taken from, one stock peer in one exchange. */
const MAX_HEADS = MAX_PIN_HEADS
/** Entries that one exchange may fetch by their hashes, one round trip per generation. */
const MAX_FETCHED_ENTRIES = 10_000
const MAX_FETCHED_BYTES = 64 * 2 ** 20
const MAX_PARALLEL_FETCHES = 32
/** All fetches of one exchange together. What is on disk by then is not fetched again by the next one. */
const FETCH_TIMEOUT_MS = 60_000
/** A stock peer takes each chunk that it reads for one entry, so two heads must not meet in one chunk. */
const HEAD_GAP_MS = 50

/** Streams that one stock peer may have open for one log; it needs one. */
const MAX_INBOUND_STREAMS = 2

/** Gets a block from a connected peer, or from disk; its hash has been checked. */
export type FetchBlock = (hash: EntryHash, signal: AbortSignal) => Promise<Uint8Array>

/** The heads protocol of OrbitDB 4, for peers that do not speak ours. */
export interface StockHeads {
  follow(log: OrbitLog): Promise<void>
  unfollow(address: LogAddress): Promise<void>
  /** Sends our heads, takes theirs, and fetches the ancestors of theirs. Never throws. */
  exchange(connection: Connection, log: OrbitLog): Promise<ExchangeOutcome>
}

/**
 * @param components.handle - answers streams of a protocol.
 * @param components.onExchanged - a stock peer that began an exchange brought new entries.
 * @param stopped - ends all waiting.
 */
export function createStockHeads(
  components: {
    readonly clock: Clock
    readonly fetchBlock: FetchBlock
    readonly handle: (
      protocol: string,
      handler: (stream: Stream) => Promise<void>,
      options: { readonly maxInboundStreams: number; readonly runOnLimitedConnection: boolean }
    ) => Promise<void>
    readonly unhandle: (protocol: string) => Promise<void>
    readonly onExchanged: (log: OrbitLog, outcome: ExchangeOutcome) => Promise<void>
  },
  stopped: AbortSignal
): StockHeads {
  const { clock } = components

  /** Both sides at once, as the stock peer does it: neither waits for the other's end before it sends. */
  async function run(stream: Stream, log: OrbitLog): Promise<ExchangeOutcome> {
    const deadline = AbortSignal.any([stopped, AbortSignal.timeout(SYNC_IDLE_TIMEOUT_MS)])
    const onAbort = (): void => stream.abort(new Error('heads took too long'))
    deadline.addEventListener('abort', onAbort, { once: true })
    try {
      const [bytes, sent] = await Promise.all([readAll(stream), sendHeads(stream, log)])
      deadline.removeEventListener('abort', onAbort)
      const stored = await take(log, splitHeads(bytes))
      const named = new Set(stored.flatMap(({ next, refs }) => [...next, ...refs]))
      const newHeads = new Set(stored.map(({ hash }) => hash).filter((hash) => !named.has(hash)))
      return { kind: 'settled', sent, received: stored.length, newHeads }
    } catch {
      stream.abort(new Error('heads exchange failed'))
      return failed('failed')
    } finally {
      deadline.removeEventListener('abort', onAbort)
    }
  }

  async function sendHeads(stream: Stream, log: OrbitLog): Promise<number> {
    let sent = 0
    for (const bytes of await log.headBlocks(MAX_HEADS)) {
      if (sent > 0) await new Promise<void>((resolve) => clock.after(HEAD_GAP_MS, resolve))
      stream.send(bytes)
      sent++
    }
    await stream.close({ signal: AbortSignal.timeout(SYNC_IDLE_TIMEOUT_MS) })
    return sent
  }

  /** Stores heads with all their ancestors, or nothing of a head whose ancestors cannot be had. */
  async function take(log: OrbitLog, blocks: readonly Uint8Array[]): Promise<readonly LogEntry[]> {
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(FETCH_TIMEOUT_MS)])
    const found = new Map<EntryHash, LogEntry>()
    let fetchedBytes = 0

    async function judge(batch: readonly Uint8Array[]): Promise<readonly LogEntry[]> {
      const fresh: LogEntry[] = []
      for (const judgement of await log.judgeAll(batch)) {
        if (judgement.kind === 'valid' && !found.has(judgement.entry.hash)) {
          found.set(judgement.entry.hash, judgement.entry)
          fresh.push(judgement.entry)
        }
      }
      return fresh
    }

    let generation = [...(await judge(blocks)), ...log.heldEntries()]
    const asked = new Set<EntryHash>()
    // Entries that a full log refuses would be fetched in vain.
    while (generation.length > 0 && !(await log.have()).isFull) {
      const missing = new Set<EntryHash>()
      for (const parent of generation.flatMap(({ next, refs }) => [...next, ...refs])) {
        if (!found.has(parent) && !asked.has(parent) && !(await log.has(parent)))
          missing.add(parent)
      }
      if (asked.size + missing.size > MAX_FETCHED_ENTRIES || fetchedBytes > MAX_FETCHED_BYTES) break
      const parents = [...missing]
      const next: LogEntry[] = []
      for (let start = 0; start < parents.length; start += MAX_PARALLEL_FETCHES) {
        const batch = parents.slice(start, start + MAX_PARALLEL_FETCHES)
        for (const hash of batch) asked.add(hash)
        const fetched = await Promise.allSettled(
          batch.map((hash) => components.fetchBlock(hash, signal))
        )
        const bytes = fetched.flatMap((result) =>
          result.status === 'fulfilled' && result.value.byteLength <= MAX_ENTRY_BYTES
            ? [result.value]
            : []
        )
        fetchedBytes += bytes.reduce((sum, { byteLength }) => sum + byteLength, 0)
        next.push(...(await judge(bytes)))
      }
      generation = next
    }
    return (await log.ingest([...found.values()])).stored
  }

  return {
    async follow(log) {
      await components.handle(
        protocolOf(log.address),
        async (stream) => {
          if (log.isClosed) {
            stream.abort(new Error('log is closed'))
            return
          }
          await components.onExchanged(log, await run(stream, log))
        },
        { maxInboundStreams: MAX_INBOUND_STREAMS, runOnLimitedConnection: false }
      )
    },
    async unfollow(address) {
      await components.unhandle(protocolOf(address))
    },
    async exchange(connection, log) {
      try {
        const stream = await connection.newStream(protocolOf(log.address), {
          signal: AbortSignal.any([stopped, AbortSignal.timeout(SYNC_IDLE_TIMEOUT_MS)])
        })
        return await run(stream, log)
      } catch (error) {
        const isUnsupported = error instanceof Error && error.name === 'UnsupportedProtocolError'
        return failed(isUnsupported ? 'unsupported' : 'failed')
      }
    }
  }
}

function failed(kind: 'failed' | 'unsupported'): ExchangeOutcome {
  return { kind, sent: 0, received: 0, newHeads: new Set() }
}

function protocolOf(address: LogAddress): string {
  return `/orbitdb/heads${address}`
}

/**
 * Splits what a stock peer sent: entries without any framing, in chunks that say nothing about where one ends.
 *
 * @returns the entries up to the first byte that belongs to none. Never throws.
 */
export function splitHeads(bytes: Uint8Array): Uint8Array[] {
  const blocks: Uint8Array[] = []
  let rest = bytes
  while (rest.byteLength > 0 && blocks.length < MAX_HEADS) {
    let length: number
    try {
      const [, remainder] = decodeFirst(rest, decodeOptions)
      length = rest.byteLength - remainder.byteLength
    } catch {
      break
    }
    blocks.push(rest.slice(0, length))
    rest = rest.subarray(length)
  }
  return blocks
}

/** @throws {DeadDropError} `bytes-too-large`; or whatever broke the stream. */
function readAll(stream: Stream): Promise<Uint8Array> {
  const maxBytes = MAX_HEADS * MAX_ENTRY_BYTES
  const whole = new Uint8Array(maxBytes)
  let length = 0
  return new Promise((resolve, reject) => {
    const done = new AbortController()
    const { signal } = done
    const settle = (action: () => void): void => {
      done.abort()
      action()
    }
    const onEnd = (): void =>
      settle(() => {
        resolve(whole.slice(0, length))
      })
    stream.addEventListener('end', onEnd, { signal })
    stream.addEventListener(
      'close',
      ({ error }) => {
        if (error === undefined) onEnd()
        else
          settle(() => {
            reject(error)
          })
      },
      { signal }
    )
    // Last: adding it releases what is buffered, in a later microtask.
    stream.addEventListener(
      'message',
      ({ data }) => {
        if (length + data.byteLength > maxBytes) {
          settle(() => {
            reject(new DeadDropError('bytes-too-large', `heads are over ${String(maxBytes)} bytes`))
          })
          return
        }
        whole.set(data.subarray(), length)
        length += data.byteLength
      },
      { signal }
    )
    if (stream.readableEnded) onEnd()
  })
}
