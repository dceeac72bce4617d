import { expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { createLogKeys } from '#replica/orbitdb/log-keys.ts'
import type { LogKeys } from '#replica/orbitdb/log-keys.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { blockKey, entryKey } from '#replica/orbitdb/entry-rows.ts'
import { checkAfterCrash } from '#tests/support/crash-checker.ts'
import { createTestGate, sealText } from '#tests/support/replica-gate.ts'

/** The keys of one entry, and the value to put there instead; `null` deletes. */
type Damage = (keys: LogKeys, hash: string) => { key: string; value: Uint8Array | null }

async function checkDamaged(damage: Damage | undefined, acknowledged = 3): Promise<number> {
  const store = createMemoryStore()
  const gate = createTestGate()
  const log = await openOrbitLog(
    {
      store,
      verifier: createSignatureVerifier(),
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    gate.manifest
  )
  log.grant({ writer: gate.admitWriter() })
  const told = new Map<number, string>()
  for (let arrival = 1; arrival <= 3; arrival++)
    told.set(arrival, (await log.append(sealText(String(arrival)))).hash)
  const keys = createLogKeys(gate.address)
  if (damage !== undefined) await store.write([damage(keys, told.get(2) ?? '')])
  if (acknowledged > 3) told.set(acknowledged, told.get(1) ?? '')
  return (await checkAfterCrash(store, gate.manifest, told, new Map())).size().entries
}

it('a store that was written whole is found good', async () => {
  expect(await checkDamaged(undefined)).toBe(3)
})

it.each<[string, Damage, string]>([
  [
    'the place of an entry',
    (_, hash) => ({ key: entryKey(hash), value: null }),
    'place of arrival 2'
  ],
  ['an arrival', (keys) => ({ key: keys.arrival(2), value: null }), 'arrival 2 is missing'],
  ['the last arrival', (keys) => ({ key: keys.arrival(3), value: null }), 'place'],
  ['the state', (keys) => ({ key: keys.state, value: null }), 'no state']
])('the check notices that %s is gone', async (_name, damage, complaint) => {
  await expect(checkDamaged(damage)).rejects.toThrow(complaint)
})

it('the check notices what no log names, and what was acknowledged and is not there', async () => {
  const stray: Damage = () => ({ key: blockKey('zdpuStray'), value: Uint8Array.of(1) })
  await expect(checkDamaged(stray)).rejects.toThrow('no log names')
  const cut: Damage = (keys) => ({ key: keys.arrival(2), value: new Uint8Array(100) })
  await expect(checkDamaged(cut)).rejects.toThrow('arrival 2 is damaged')
  await expect(checkDamaged(undefined, 4)).rejects.toThrow('acknowledged arrival 4 is lost')
})
