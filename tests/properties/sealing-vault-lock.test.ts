import { assert, asyncProperty, array, constantFrom, record } from 'fast-check'
import { expect, it } from 'vitest'
import { isDeadDropError } from '#protocol/errors.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { stretchByArgon2id } from '#sealing/stretch.ts'
import { createVaultLock, type VaultLock } from '#sealing/vault-lock.ts'
import { createVault, importVaultKey } from '#sealing/vault.ts'
import { createFaultyStore } from '#tests/support/replica-faulty-store.ts'
import { plain, sealingComponents } from '#tests/support/sealing-world.ts'

const PASSPHRASES = [null, 'the first passphrase', 'the second passphrase', 'a third one'] as const
const { random } = sealingComponents()

it(
  'whatever is set, changed and removed, and whichever writes fail, one passphrase opens the same data key',
  { timeout: 120_000 },
  async () => {
    const step = record({
      current: constantFrom(...PASSPHRASES),
      next: constantFrom(...PASSPHRASES),
      fault: constantFrom(undefined, 'storage-full' as const, 'lost-answer' as const)
    })
    const deviceKey = await importVaultKey(random(32))
    await assert(
      asyncProperty(array(step, { maxLength: 8 }), async (steps) => {
        const store = createFaultyStore(createMemoryStore())
        const start = (): VaultLock =>
          createVaultLock(
            { store, deviceKey, random, stretch: stretchByArgon2id },
            { cost: { memoryKiB: 8, passes: 1, lanes: 1 } }
          )
        const first = createVault({ key: await start().open(null), random })
        const sealed = await first.seal('witness', plain('the same key'))
        let expected: string | null = null
        for (const { current, next, fault } of steps) {
          store.fault = fault
          const outcome = await start()
            .change({ current, next })
            .then(
              () => 'done',
              (error: unknown) => (isDeadDropError(error) ? error.code : 'internal')
            )
          store.fault = undefined
          const isAllowed = current === expected
          if (!isAllowed)
            expect(['passphrase-wrong', 'passphrase-missing', 'locked']).toContain(outcome)
          else if (fault !== 'storage-full') expected = next

          for (const passphrase of PASSPHRASES) {
            const opened = start().open(passphrase)
            // Without a passphrase the device opens by itself, whatever is typed.
            if (passphrase !== expected && expected !== null) {
              await expect(opened).rejects.toThrow(Error)
              continue
            }
            const vault = createVault({ key: await opened, random })
            expect(await vault.open('witness', sealed)).toEqual(plain('the same key'))
          }
        }
      }),
      { numRuns: 60 }
    )
  }
)
