import { expect, it, vi } from 'vitest'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { createClientPlatform } from '#replica/network/libp2p-options.node.ts'
import { createLogKeys } from '#replica/orbitdb/log-keys.ts'
import type { Replica } from '#replica/replica.ts'
import { createSegmentedLog } from '#replica/segments/create-segmented-log.ts'
import type { KeptSegment, SegmentedLog } from '#replica/segments/segmented-log.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { deriveSegment } from '#sealing/segment.ts'
import { openText, sealText } from '#tests/support/replica-gate.ts'

vi.setConfig({ testTimeout: 60_000 })

const chain = {
  secret: new Uint8Array(32).fill(1),
  writerSecret: new Uint8Array(32).fill(2)
}

interface Device extends AsyncDisposable {
  readonly log: SegmentedLog
}

async function start(store: KeyValueStore, kept: KeptSegment[]): Promise<Device> {
  const clock = createSystemClock()
  const replica: Replica = await createNodeReplica(
    { store },
    { platform: createClientPlatform({}) }
  )
  const log = await createSegmentedLog(
    {
      replica,
      clock,
      segment: (number) => deriveSegment(chain, number),
      async save(state) {
        kept.splice(0, Infinity, ...state)
      }
    },
    { kept: [...kept], bounds: { maxEntries: 300 } }
  )
  return {
    log,
    async [Symbol.asyncDispose]() {
      await log.close()
      await replica.stop()
    }
  }
}

/** Texts of each segment, or how reading it ended. */
async function readAll(log: SegmentedLog): Promise<readonly (number | string)[]> {
  const found: (number | string)[] = []
  for (const { number } of log.segments()) {
    const texts: string[] = []
    try {
      for await (const { sealed } of log.read(number, 0)) texts.push(openText(sealed))
      found.push(texts.length)
    } catch (error) {
      found.push(String((error as { code?: unknown }).code))
    }
  }
  return found
}

async function fill(store: KeyValueStore): Promise<KeptSegment[]> {
  const kept: KeptSegment[] = []
  await using device = await start(store, kept)
  for (let index = 0; index < 900; index++) await device.log.append(sealText(`text ${index}`))
  expect(await readAll(device.log)).toEqual([300, 300, 300])
  return kept
}

it.each([
  ['oldest', 0, 'the first', 1],
  ['oldest', 0, 'a middle', 150],
  ['middle', 1, 'the second', 2]
])(
  'an entry that the disk lost from the %s segment (%d), %s one, harms no other segment',
  async (_which, segment, _place, arrival) => {
    const store = createMemoryStore()
    const kept = await fill(store)
    const keys = createLogKeys(deriveSegment(chain, segment).address)
    await store.write([{ key: keys.arrival(arrival), value: null }])
    await using device = await start(store, kept)
    const expected: (number | string)[] = [300, 300, 300]
    expected[segment] = 'storage-corrupt'
    expect(await readAll(device.log)).toEqual(expected)
    expect(device.log.segments().map(({ isDamaged }) => isDamaged)).toEqual(
      expected.map((one) => one === 'storage-corrupt')
    )
    const { time } = await device.log.append(sealText('goes on'))
    expect(time).toBe(3 * 2 ** 40 + 1)
  }
)

it('a newest segment that the disk lost an entry of is left', async () => {
  const store = createMemoryStore()
  const kept: KeptSegment[] = []
  {
    await using device = await start(store, kept)
    for (let index = 0; index < 3; index++) await device.log.append(sealText(`text ${index}`))
  }
  const keys = createLogKeys(deriveSegment(chain, 0).address)
  await store.write([{ key: keys.arrival(2), value: null }])
  await using device = await start(store, kept)
  const { time } = await device.log.append(sealText('goes on'))
  expect(time).toBe(2 ** 40 + 1)
  expect(await readAll(device.log)).toEqual(['storage-corrupt', 1])
})
