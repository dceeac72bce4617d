import type { LogAddress } from '#protocol/brand.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import type { KeyValueWrite } from '#protocol/key-value-store.ts'
import { MAX_PIN_HEADS, MAX_PIN_MESSAGE_BYTES } from '#protocol/limits.ts'
import { logAddressOf } from '#protocol/log-manifest.ts'
import type { SignedPinRequest } from '#protocol/pin-codec.ts'
import {
  decodePinRequest,
  encodePinAnswer,
  signPinReceipt,
  verifyPinRequest
} from '#protocol/pin-codec.ts'
import type {
  PinAnswer,
  PinKind,
  PinRefusal,
  PinRequest,
  SignedPinReceipt
} from '#protocol/pin-messages.ts'
import { PIN_PROTOCOL } from '#protocol/protocol-ids.ts'
import type { LogCatalogue } from '#replica/log-catalogue.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import type { LogSize, SealedLog } from '#replica/sealed-log.ts'
import { admitPin } from './admission.ts'
import type { Logger } from './logger.ts'
import { describeError } from './logger.ts'
import type { Metrics } from './metrics.ts'
import type { NonceMemory } from './nonce-memory.ts'
import type { Quota, Shortage } from './quota.ts'
import { shortageOf } from './quota.ts'
import type { PinnedLog, Registry } from './registry.ts'
import type { Usage } from './usage.ts'

export interface PinServiceComponents {
  readonly replica: Replica
  readonly registry: Registry
  readonly nonces: NonceMemory
  readonly usage: Usage
  readonly verifier: SignatureVerifier
  readonly clock: Clock
  readonly metrics: Metrics
  readonly logger: Logger
  readonly freeDiskBytes: () => Promise<number>
}

/** The promises of this node, kept: answers the pin protocol and follows what was pinned. */
export interface PinService {
  /** Holds every log of the registry, none of which is opened for it, then answers requests. */
  start(): Promise<void>
  /** Deletes a log whose promise has ended, unless a request for it is being answered or renewed it. */
  expire(address: LogAddress, isOver: (record: PinnedLog) => boolean): Promise<boolean>
  /** Refuses what comes from now on, and resolves when what came before is answered. */
  stop(): Promise<void>
}

/** How long a request waits for the heads that it names, ms; clients give up after `PIN_TIMEOUT_MS`. */
const HEADS_TIMEOUT_MS = 5_000

/** Requests under way, all peers together and each peer alone. One that waits costs a stream and a timer. */
const MAX_REQUESTS = 512
const MAX_REQUESTS_PER_PEER = 32

/** @param init.headsTimeoutMs - @default {@link HEADS_TIMEOUT_MS} */
export function createPinService(
  components: PinServiceComponents,
  init: { readonly quota: Quota; readonly headsTimeoutMs?: number }
): PinService {
  const { replica, registry, nonces, usage, verifier, clock, metrics, logger, freeDiskBytes } =
    components
  const { quota } = init
  const headsTimeoutMs = init.headsTimeoutMs ?? HEADS_TIMEOUT_MS
  const stopped = new AbortController()
  const underWay = new Set<Promise<PinAnswer>>()
  const requestsOfPeer = new Map<string, number>()
  const requestsForLog = new Map<LogAddress, number>()
  const dropping = new Set<LogAddress>()
  /** Logs that are registered, and for which no receipt was signed yet. */
  const unpromised = new Set<LogAddress>()
  /** Logs that could not be opened; the operator was told. */
  const broken = new Set<LogAddress>()
  /** Why the last entry was turned away, by log; gone when the log grows again or room was made. */
  const shortages = new Map<LogAddress, Shortage>()

  function mayStore(address: LogAddress, kind: PinKind, size: LogSize): boolean {
    const total = usage.totalBytes() - usage.bytesOf(address) + size.bytes
    const shortage = shortageOf(quota, kind, size, total)
    if (shortage === undefined) return true
    shortages.set(address, shortage)
    return false
  }

  const catalogue: LogCatalogue = {
    *addresses() {
      for (const { address } of registry.all()) if (!dropping.has(address)) yield address
    },
    find(address) {
      const record = dropping.has(address) ? undefined : registry.get(address)
      if (record === undefined) return undefined
      const { manifest, kind } = record
      return { manifest, mayStore: (size) => mayStore(address, kind, size) }
    },
    onStored(address, size, added) {
      if (added > 0) shortages.delete(address)
      usage.set(address, size.bytes)
      metrics.entriesStored(added)
    },
    onBroken(address, error) {
      // Whoever asks again would fill the operator's disk with lines.
      if (broken.has(address)) return
      broken.add(address)
      logger.event('open-failed', describeError(error))
    }
  }

  async function answer(message: Uint8Array, from: string): Promise<PinAnswer> {
    let signed: SignedPinRequest
    try {
      signed = decodePinRequest(message)
    } catch {
      return refuse('malformed')
    }
    const { request } = signed
    // Before any signature: costs nothing, and a request for another node must not use up its nonce here.
    if (request.node !== replica.peerId) return refuse('wrong-node')
    if (!(await verifyPinRequest(verifier, signed))) return refuse('bad-signature')
    const nonceWrites = nonces.claim(request.writer, request.nonce, clock.now())
    if (nonceWrites === undefined) return refuse('replayed')

    const address = logAddressOf(request.manifest)
    if (dropping.has(address)) return refuse('busy')
    const result = await counting(requestsForLog, address, () =>
      hold(request, address, from, nonceWrites)
    )
    // Another request for the log may still be given a receipt.
    if (!requestsForLog.has(address)) await dropUnpromised(address)
    return result
  }

  async function hold(
    request: PinRequest,
    address: LogAddress,
    from: string,
    nonceWrites: readonly KeyValueWrite[]
  ): Promise<PinAnswer> {
    const freeBytes = await freeDiskBytes()
    // Nothing is awaited from here until the registry has the record, so that two requests cannot share the last place.
    const admission = admitPin(
      request,
      address,
      {
        nowMs: clock.now(),
        held: registry.get(address),
        heldLogs: registry.size(),
        heldBytes: usage.totalBytes(),
        freeDiskBytes: freeBytes
      },
      quota
    )
    if (admission.kind === 'refuse') return admission
    const { record } = admission
    if (registry.get(address) === undefined) unpromised.add(address)
    try {
      await registry.put(record, nonceWrites, { isDurable: false })
      const held = await replica.useHeld(address, async (log): Promise<PinAnswer> => {
        const shortage = await fetchHeads(log, request, from)
        if (shortage !== undefined) return refuse(shortage)
        if (stopped.signal.aborted) return refuse('stopping')
        return { kind: 'held', receipt: await promise(log, request) }
      })
      // Deleted since it was registered, or the replica stops.
      return held ?? refuse(stopped.signal.aborted ? 'stopping' : 'busy')
    } catch (error) {
      if (stopped.signal.aborted) return refuse('stopping')
      if (
        isDeadDropError(error) &&
        (error.code === 'storage-full' || error.code === 'storage-denied')
      ) {
        return refuse('storage-full')
      }
      throw error
    }
  }

  /** A new log that was refused with nothing stored must not take a place for as long as its promise would have lasted. */
  async function dropUnpromised(address: LogAddress): Promise<void> {
    const isEmpty = usage.bytesOf(address) === 0
    if (!unpromised.has(address) || !isEmpty || dropping.has(address) || stopped.signal.aborted)
      return
    await drop(address).catch((error: unknown) => logger.event('drop-failed', describeError(error)))
  }

  /** Deletes a log and its record. Requests for it are `busy` meanwhile. */
  async function drop(address: LogAddress): Promise<void> {
    dropping.add(address)
    try {
      // The record goes last: after a crash in between, the next sweep finds it and deletes the rest.
      await replica.forget(address)
      await registry.remove(address)
      usage.delete(address)
      unpromised.delete(address)
      shortages.delete(address)
      broken.delete(address)
      for (const [waiting, shortage] of shortages) {
        if (shortage === 'storage-full') shortages.delete(waiting) // room was made
      }
    } finally {
      dropping.delete(address)
    }
  }

  /** @returns why the wanted heads cannot be held; `undefined` when they are, or when they did not come in time. */
  async function fetchHeads(
    log: SealedLog,
    request: PinRequest,
    from: string
  ): Promise<Shortage | undefined> {
    const missing = await missingOf(log, request)
    if (missing.length === 0) return undefined
    const done = new AbortController()
    const cancelTimer = clock.after(headsTimeoutMs, () => done.abort())
    const signal = AbortSignal.any([done.signal, stopped.signal])
    try {
      const synced = replica.sync(log.address, { peerId: from, signal }).then(
        () => {
          // The asking peer gave all it has; what was turned away meanwhile will not come from elsewhere.
          if (shortages.has(log.address)) done.abort()
        },
        () => undefined
      )
      const hasAll = await replica.waitFor(log.address, missing, signal)
      if (hasAll) return undefined
      await synced
      return shortages.get(log.address)
    } finally {
      cancelTimer()
      done.abort()
    }
  }

  async function missingOf(log: SealedLog, request: PinRequest): Promise<PinRequest['heads']> {
    const held = await Promise.all(request.heads.map((head) => log.has(head)))
    return request.heads.filter((_, i) => held[i] !== true)
  }

  async function promise(log: SealedLog, request: PinRequest): Promise<SignedPinReceipt> {
    const heads = await log.heads()
    const { entries, bytes } = log.size()
    const record = registry.get(log.address)
    if (record === undefined)
      throw new Error('record of a log vanished while its request was under way')
    unpromised.delete(log.address)
    // A durable write after the entries were written makes them durable too: they are in the same store.
    await registry.put(record, [], { isDurable: true })
    return signPinReceipt(
      {
        node: replica.peerId,
        log: log.address,
        heads: heads.slice(0, MAX_PIN_HEADS),
        entries,
        bytes,
        issuedAtMs: clock.now(),
        heldUntilMs: record.heldUntilMs,
        nonce: request.nonce
      },
      (message) => replica.signAsPeer(message)
    )
  }

  async function handle(message: Uint8Array, from: string): Promise<Uint8Array> {
    const result = await admitRequest(message, from).catch((error: unknown) => {
      // The network below closes the stream and says nothing to the operator.
      logger.event('request-failed', describeError(error))
      throw error
    })
    if (result.kind === 'held') metrics.pinHeld()
    else metrics.pinRefused(result.status)
    return encodePinAnswer(result)
  }

  async function admitRequest(message: Uint8Array, from: string): Promise<PinAnswer> {
    if (stopped.signal.aborted) return refuse('stopping')
    if (underWay.size >= MAX_REQUESTS || (requestsOfPeer.get(from) ?? 0) >= MAX_REQUESTS_PER_PEER) {
      return refuse('busy')
    }
    const work = counting(requestsOfPeer, from, () => answer(message, from))
    underWay.add(work)
    try {
      return await work
    } finally {
      underWay.delete(work)
    }
  }

  return {
    async start() {
      await replica.hold(catalogue)
      await replica.handle(PIN_PROTOCOL, { maxBytes: MAX_PIN_MESSAGE_BYTES }, handle)
    },
    async expire(address, isOver) {
      const record = registry.get(address)
      if (record === undefined || !isOver(record)) return false
      if (requestsForLog.has(address) || dropping.has(address)) return false
      await drop(address)
      metrics.logExpired()
      return true
    },
    async stop() {
      stopped.abort()
      await Promise.allSettled(underWay)
    }
  }
}

function refuse(status: PinRefusal): PinAnswer {
  return { kind: 'refuse', status }
}

/** Counts what is under way under `key` while `work` runs. */
async function counting<K, T>(counts: Map<K, number>, key: K, work: () => Promise<T>): Promise<T> {
  counts.set(key, (counts.get(key) ?? 0) + 1)
  try {
    return await work()
  } finally {
    const left = (counts.get(key) ?? 1) - 1
    if (left === 0) counts.delete(key)
    else counts.set(key, left)
  }
}
