import { USABLE_ENTRIES } from './peer.ts'
import type { BenchPeer, Contender, ContenderLog } from './peer.ts'

const CATCH_UP_TIMEOUT_MS = 600_000
const HEAR_TIMEOUT_MS = 60_000
/** An append time is written at the start of the payload. */
const TIME_BYTES = 8

interface Heard {
  readonly saidAtMs: number
  readonly latencyMs: number
}

interface OpenLog {
  readonly log: ContenderLog
  readonly heard: Heard[]
  onHeard: () => void
}

/** The measuring around a contender, in its own process or page. */
export function createBenchPeer(contender: Contender): BenchPeer {
  const logs = new Map<string, OpenLog>()

  function keep(log: ContenderLog): string {
    const open: OpenLog = { log, heard: [], onHeard: () => undefined }
    log.onReceived((payload) => {
      const saidAtMs = readTime(payload)
      open.heard.push({ saidAtMs, latencyMs: wallTimeMs() - saidAtMs })
      open.onHeard()
    })
    logs.set(log.token, open)
    return log.token
  }

  function find(token: string): OpenLog {
    const open = logs.get(token)
    if (open === undefined) throw new Error('log is not open')
    return open
  }

  return {
    addresses: () => contender.addresses(),
    dial: (addresses) => contender.dial(addresses),
    createLog: async () => keep(await contender.createLog()),
    openLog: async (token) => void keep(await contender.openLog(token)),

    async fill(token, count, payloadBytes) {
      const { log } = find(token)
      const payloads = Array.from({ length: count }, () => randomBytes(payloadBytes))
      let head = ''
      const startedAt = performance.now()
      for (const payload of payloads) head = await log.append(payload)
      return { ms: performance.now() - startedAt, head }
    },

    async say(token, count, payloadBytes, gapMs) {
      const { log } = find(token)
      const startedAt = performance.now()
      for (let index = 0; index < count; index++) {
        await pause(startedAt + index * gapMs - performance.now())
        const payload = randomBytes(payloadBytes)
        writeTime(payload, wallTimeMs())
        await log.append(payload)
      }
    },

    async hear(token, count) {
      const open = find(token)
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          const got = open.heard.length
          reject(new Error(`heard ${got} of ${count} entries in ${HEAR_TIMEOUT_MS} ms`))
        }, HEAR_TIMEOUT_MS)
        open.onHeard = () => {
          if (open.heard.length < count) return
          clearTimeout(timer)
          resolve()
        }
        open.onHeard()
      })
      return open.heard.splice(0, count).map(({ latencyMs }) => latencyMs)
    },

    async heardSince(token, sinceMs, count, timeoutMs) {
      const open = find(token)
      const wanted = (): readonly Heard[] =>
        open.heard.filter(({ saidAtMs }) => saidAtMs >= sinceMs)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        open.onHeard = () => {
          if (wanted().length < count) return
          clearTimeout(timer)
          resolve()
        }
        open.onHeard()
      })
      return wanted().map(({ latencyMs }) => latencyMs)
    },

    async catchUp(token, head, count) {
      const startedAt = performance.now()
      const log = await contender.openLog(token)
      let announced = 0
      let usableMs: number | undefined
      log.onReceived(() => {
        if (++announced === USABLE_ENTRIES) usableMs = performance.now() - startedAt
      })
      await log.waitFor(head, AbortSignal.timeout(CATCH_UP_TIMEOUT_MS))
      const ms = performance.now() - startedAt
      const got = await log.count()
      if (got !== count) throw new Error(`caught up with ${got} entries, expected ${count}`)
      keep(log)
      return { ms, usableMs: usableMs ?? ms }
    },

    waitFor: (token, head) =>
      find(token).log.waitFor(head, AbortSignal.timeout(CATCH_UP_TIMEOUT_MS)),
    bytes: (token) => find(token).log.bytes(),

    async reopen(token, count) {
      const startedAt = performance.now()
      const log = await contender.openLog(token)
      const got = (await log.newest(count)).length
      const ms = performance.now() - startedAt
      if (got !== count) throw new Error(`read ${got} entries, expected ${count}`)
      keep(log)
      return ms
    }
  }
}

/** Random, so that nothing on the way can compress it: a sealed envelope looks like this. */
function randomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length))
}

/** Unix ms with fractions; comparable between the processes of one machine. */
function wallTimeMs(): number {
  return performance.timeOrigin + performance.now()
}

function writeTime(payload: Uint8Array, timeMs: number): void {
  new DataView(payload.buffer, payload.byteOffset, TIME_BYTES).setFloat64(0, timeMs)
}

function readTime(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, TIME_BYTES).getFloat64(0)
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}
