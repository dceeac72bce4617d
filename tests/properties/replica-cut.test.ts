import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { MAX_SYNC_FRAME_BYTES } from '#protocol/limits.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import type { LogEntry } from '#replica/orbitdb/entry-rules.ts'
import { readBlock } from '#replica/orbitdb/log-store.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { answerExchange, initiateExchange } from '#replica/sync/exchange.ts'
import type { ExchangeOutcome } from '#replica/sync/exchange.ts'
import { createFrameStream } from '#replica/sync/frame-stream.ts'
import type { FrameStream } from '#replica/sync/frame-stream.ts'
import { createTestGate, sealText } from '#tests/support/replica-gate.ts'

/** Enough for a few frames in one direction, and one in the other. */
const COMMON_ENTRIES = 5
const ALICES_ENTRIES = 40
const BOBS_ENTRIES = 10
const LARGE = 'x'.repeat(6_000)

async function openLog(manifest: LogManifest, writer: LogWriter): Promise<OrbitLog> {
  const log = await openOrbitLog(
    {
      store: createMemoryStore(),
      verifier: createSignatureVerifier(),
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    manifest
  )
  log.grant({ writer })
  return log
}

const gate = createTestGate()

/** Two logs that share a beginning, and what each wrote alone. */
async function writeDiverged(): Promise<Record<'alice' | 'bob', readonly LogEntry[]>> {
  const alice = await openLog(gate.manifest, gate.admitWriter())
  const bob = await openLog(gate.manifest, gate.admitWriter())
  for (let count = 0; count < COMMON_ENTRIES; count++)
    await alice.append(sealText(`common ${String(count)}`))
  await exchange(alice, bob)
  for (let count = 0; count < ALICES_ENTRIES; count++)
    await alice.append(sealText(`${String(count)} ${LARGE}`))
  for (let count = 0; count < BOBS_ENTRIES; count++) await bob.append(sealText(`b${String(count)}`))
  return { alice: await entriesOf(alice), bob: await entriesOf(bob) }
}

async function entriesOf(log: OrbitLog): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = []
  for await (const page of log.missingFrom([])) entries.push(...page.map(readBlock))
  return entries
}

async function openFilled(entries: readonly LogEntry[]): Promise<OrbitLog> {
  const log = await openLog(gate.manifest, gate.admitWriter())
  await log.ingest(entries)
  return log
}

interface Cut {
  readonly side: 'initiator' | 'responder'
  /** Bytes of that side that still arrive. */
  readonly afterBytes: number
}

/** @returns what both sides say, and how many bytes each sent. */
async function exchange(
  initiator: OrbitLog,
  responder: OrbitLog,
  cut?: Cut
): Promise<{
  readonly initiated: ExchangeOutcome
  readonly answered: ExchangeOutcome | undefined
  readonly sent: Record<Cut['side'], number>
}> {
  const [near, far] = await streamPair()
  const sent = { initiator: 0, responder: 0 }
  limit(near, 'initiator')
  limit(far, 'responder')
  const [initiated, answered] = await Promise.all([
    initiateExchange(framesOf(near), initiator),
    answerExchange(framesOf(far), () => responder)
  ])
  return { initiated, answered: answered?.outcome, sent }

  function limit(stream: Stream, side: Cut['side']): void {
    const send = stream.send.bind(stream)
    stream.send = (data) => {
      const bytes = data.subarray()
      const left = cut?.side === side ? cut.afterBytes - sent[side] : Infinity
      sent[side] += bytes.byteLength
      if (left >= bytes.byteLength) return send(data)
      if (left > 0) send(bytes.subarray(0, left))
      near.abort(new Error('the link was cut'))
      far.abort(new Error('the link was cut'))
      return false
    }
  }
}

function framesOf(stream: Stream): FrameStream {
  return createFrameStream(
    { stream, clock: createSystemClock() },
    { maxFrameBytes: MAX_SYNC_FRAME_BYTES, idleTimeoutMs: 5_000 }
  )
}

async function arrivals(log: OrbitLog): Promise<readonly string[]> {
  const hashes: string[] = []
  for await (const { hash } of log.entries()) hashes.push(hash)
  return hashes
}

it('an exchange that is cut at any byte goes on where it was', async () => {
  const written = await writeDiverged()
  const { initiated, answered, sent } = await exchange(
    await openFilled(written.alice),
    await openFilled(written.bob)
  )
  expect(initiated).toMatchObject({ kind: 'settled', received: BOBS_ENTRIES })
  expect(answered).toMatchObject({ kind: 'settled', received: ALICES_ENTRIES })

  const anyCut = fc
    .constantFrom<Cut['side']>('initiator', 'responder')
    .chain((side) =>
      fc.record<Cut>({ side: fc.constant(side), afterBytes: fc.nat({ max: sent[side] }) })
    )
  await fc.assert(
    fc.asyncProperty(anyCut, async (cut) => {
      const alice = await openFilled(written.alice)
      const bob = await openFilled(written.bob)
      await exchange(alice, bob, cut)
      const kept = { alice: await arrivals(alice), bob: await arrivals(bob) }
      const rest = await exchange(alice, bob)

      const all = COMMON_ENTRIES + ALICES_ENTRIES + BOBS_ENTRIES
      expect(rest.initiated).toMatchObject({
        kind: 'settled',
        received: all - kept.alice.length
      })
      expect(rest.answered).toMatchObject({ kind: 'settled', received: all - kept.bob.length })
      expect((await arrivals(alice)).slice(0, kept.alice.length)).toEqual(kept.alice)
      expect((await arrivals(bob)).slice(0, kept.bob.length)).toEqual(kept.bob)
      expect([...(await arrivals(bob))].sort()).toEqual([...(await arrivals(alice))].sort())
      expect(await bob.heads()).toEqual(await alice.heads())
    }),
    { numRuns: 60 }
  )
})
