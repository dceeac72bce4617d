import { describe, expect, it } from 'vitest'
import type { DeadDropClient } from '#client/client.ts'
import { createDevice, type Device, type Wipe } from '#client/device.ts'
import { DeadDropError, type ErrorCode } from '#protocol/errors.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { stretchByArgon2id } from '#sealing/stretch.ts'
import { createVaultLock } from '#sealing/vault-lock.ts'
import { importVaultKey } from '#sealing/vault.ts'
import { createFakeClock, type FakeClock } from '#tests/support/network-clock.ts'
import { sealingComponents } from '#tests/support/sealing-world.ts'

const PASSPHRASE = 'correct horse battery'
const { random } = sealingComponents()

interface World {
  readonly clock: FakeClock
  /** What happened, in order. */
  readonly events: string[]
  isWipeBegun: boolean
  wipeFault: ErrorCode | undefined
  hangsOnStop: boolean
  start(init?: { readonly passphrase?: string }): Promise<Device>
}

/** A device whose clients do nothing but start and stop: the lock and the wipe are the real order of things. */
async function createWorld(): Promise<World> {
  const store = createMemoryStore()
  const deviceKey = await importVaultKey(random(32))
  const events: string[] = []
  const clock = createFakeClock()
  const wipe: Wipe = {
    isBegun: async () => world.isWipeBegun,
    async begin() {
      events.push('wipe begun')
      world.isWipeBegun = true
    },
    async finish() {
      if (world.wipeFault !== undefined) throw new DeadDropError(world.wipeFault, 'wipe failed')
      events.push('wiped')
      world.isWipeBegun = false
    }
  }
  const world: World = {
    clock,
    events,
    isWipeBegun: false,
    wipeFault: undefined,
    hangsOnStop: false,
    start: (init = {}) =>
      createDevice(
        {
          clock,
          wipe,
          async open() {
            events.push('opened')
            return {
              lock: createVaultLock(
                { store, deviceKey, random, stretch: stretchByArgon2id },
                { cost: { memoryKiB: 8, passes: 1, lanes: 1 } }
              ),
              async startClient() {
                events.push('client started')
                const client: Pick<DeadDropClient, 'stop'> = {
                  async stop() {
                    if (world.hangsOnStop) await new Promise(() => undefined)
                    events.push('client stopped')
                  }
                }
                return client as DeadDropClient // nothing else of it is used here
              },
              async close() {
                events.push('closed')
              }
            }
          }
        },
        init
      )
  }
  return world
}

function refused(code: ErrorCode): Error {
  return expect.objectContaining({ code }) as Error // what toThrow compares with
}

describe('a device', () => {
  it('without a passphrase opens by itself and does not lock', async () => {
    const world = await createWorld()
    const device = await world.start()
    expect(device.snapshot()).toMatchObject({ kind: 'open', hasPassphrase: false })
    await expect(device.lock()).rejects.toThrow(refused('passphrase-missing'))
    expect(device.snapshot().kind).toBe('open')
  })

  it('locks, stops its client, and opens with the passphrase again', async () => {
    const world = await createWorld()
    const device = await world.start()
    await device.setPassphrase({ current: null, next: PASSPHRASE })
    expect(device.snapshot()).toMatchObject({ kind: 'open', hasPassphrase: true })
    await device.lock()
    expect(device.snapshot()).toEqual({ kind: 'locked' })
    expect(world.events.at(-1)).toBe('client stopped')
    await expect(device.setPassphrase({ current: PASSPHRASE, next: null })).rejects.toThrow(
      refused('locked')
    )
    await device.unlock(PASSPHRASE)
    expect(device.snapshot()).toMatchObject({ kind: 'open', hasPassphrase: true })
    await device.unlock('ignored when it is open')
  })

  it('with a passphrase starts locked, or open when the passphrase comes along', async () => {
    const world = await createWorld()
    const first = await world.start()
    await first.setPassphrase({ current: null, next: PASSPHRASE })
    await first.stop()
    expect((await world.start()).snapshot()).toEqual({ kind: 'locked' })
    const given = await world.start({ passphrase: PASSPHRASE })
    expect(given.snapshot().kind).toBe('open')
    await expect(world.start({ passphrase: 'another one' })).rejects.toThrow(
      refused('passphrase-wrong')
    )
    expect(world.events.at(-1)).toBe('closed')
  })

  it('answers a wrong passphrase a second later, however often, and then takes the right one', async () => {
    const world = await createWorld()
    const device = await world.start()
    await device.setPassphrase({ current: null, next: PASSPHRASE })
    await device.lock()
    for (let attempt = 0; attempt < 5; attempt++) {
      let isAnswered = false
      const answer = device.unlock('a guess').finally(() => (isAnswered = true))
      answer.catch(() => undefined)
      await expect.poll(() => world.clock.pending).toBe(1)
      await world.clock.advance(999)
      expect(isAnswered).toBe(false)
      await world.clock.advance(1)
      await expect(answer).rejects.toThrow(refused('passphrase-wrong'))
    }
    await device.unlock(PASSPHRASE)
    expect(device.snapshot().kind).toBe('open')
  })

  it('a wipe leaves its mark first, stops the client, then deletes; nothing opens afterwards', async () => {
    const world = await createWorld()
    const device = await world.start()
    await device.wipe()
    expect(world.events.slice(-3)).toEqual(['wipe begun', 'client stopped', 'wiped'])
    expect(device.snapshot()).toEqual({ kind: 'wiped' })
    await expect(device.unlock(PASSPHRASE)).rejects.toThrow(refused('stopped'))
    await device.wipe()
    await device.stop()
    expect(world.events.at(-1)).toBe('wiped')
  })

  it('a wipe works while locked, and waits five seconds at most for a client that hangs', async () => {
    const world = await createWorld()
    const device = await world.start()
    await device.setPassphrase({ current: null, next: PASSPHRASE })
    await device.lock()
    await device.wipe()
    expect(world.events.at(-1)).toBe('wiped')

    const other = await createWorld()
    const hanging = await other.start()
    other.hangsOnStop = true
    const wiped = hanging.wipe()
    await expect.poll(() => other.clock.pending).toBe(1)
    await other.clock.advance(5_000)
    await wiped
    expect(other.events.at(-1)).toBe('wiped')
  })

  it('a wipe that fails says so and can be tried again', async () => {
    const world = await createWorld()
    const device = await world.start()
    world.wipeFault = 'storage-denied'
    await expect(device.wipe()).rejects.toThrow(refused('storage-denied'))
    expect(device.snapshot()).toEqual({ kind: 'wiping', hasFailed: true })
    world.wipeFault = undefined
    await device.wipe()
    expect(device.snapshot()).toEqual({ kind: 'wiped' })
  })

  it('a wipe that was interrupted is finished before anything is opened', async () => {
    const world = await createWorld()
    world.isWipeBegun = true
    await world.start()
    expect(world.events.slice(0, 2)).toEqual(['wiped', 'opened'])
  })
})
