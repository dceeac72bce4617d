import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import type { LogWriter } from '#protocol/gate.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { LogEntry } from '#replica/orbitdb/entry-rules.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import type { SealedEntry } from '#replica/sealed-log.ts'
import { createTestGate, openText, sealText } from '#tests/support/replica-gate.ts'

async function openLog(
  manifest: LogManifest,
  writer?: LogWriter,
  store: KeyValueStore = createMemoryStore()
): Promise<OrbitLog> {
  const log = await openOrbitLog(
    {
      store,
      verifier: createSignatureVerifier(),
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    manifest
  )
  if (writer !== undefined) log.grant({ writer })
  return log
}

async function texts(log: OrbitLog): Promise<string[]> {
  const found: string[] = []
  for await (const { sealed } of log.entries()) found.push(openText(sealed))
  return found
}

async function everything(log: OrbitLog): Promise<LogEntry[]> {
  const found: LogEntry[] = []
  for await (const page of log.missingFrom([])) found.push(...page)
  return found
}

async function give(log: OrbitLog, entries: readonly LogEntry[]): Promise<void> {
  const judged = await Promise.all(entries.map(({ bytes }) => log.judge(bytes)))
  await log.ingest(
    judged.flatMap((judgement) => (judgement.kind === 'valid' ? [judgement.entry] : []))
  )
}

it('an appended entry is on disk, announced once, and there after a restart', async () => {
  const gate = createTestGate()
  const store = createMemoryStore()
  const log = await openLog(gate.manifest, gate.admitWriter(), store)
  const announced: SealedEntry[] = []
  log.addEventListener('entries', (event) => announced.push(...event.detail))
  for (const text of ['one', 'two', 'three']) await log.append(sealText(text))
  expect(announced.map(({ sealed, arrival, time }) => [openText(sealed), arrival, time])).toEqual([
    ['one', 1, 1],
    ['two', 2, 2],
    ['three', 3, 3]
  ])
  const again = await openLog(gate.manifest, gate.admitWriter(), store)
  expect(await texts(again)).toEqual(['one', 'two', 'three'])
  expect(await again.heads()).toEqual(await log.heads())
  expect(again.size()).toEqual(log.size())
  expect((await again.append(sealText('four'))).arrival).toBe(4)
})

it('entries in any order give the same heads and no gap', async () => {
  const gate = createTestGate()
  const alice = await openLog(gate.manifest, gate.admitWriter())
  const bob = await openLog(gate.manifest, gate.admitWriter())
  for (let round = 0; round < 5; round++) {
    await alice.append(sealText(`a${round}`))
    await bob.append(sealText(`b${round}`))
  }
  await give(alice, await everything(bob))
  await alice.append(sealText('merge'))
  const all = await everything(alice)
  expect(all).toHaveLength(11)
  const carol = await openLog(gate.manifest)
  for (const entry of all.reverse()) await give(carol, [entry, entry])
  expect(await carol.heads()).toEqual(await alice.heads())
  expect(carol.size()).toEqual(alice.size())
  expect((await everything(carol)).map(({ hash }) => hash)).toEqual(
    (await everything(alice)).map(({ hash }) => hash)
  )
})
