import { describe, expect, it } from 'vitest'
import { MAX_LAMPORT_TIME, MAX_ORDER_TIME, MAX_SEGMENTS } from '#protocol/limits.ts'
import { orderTimeOf, segmentOfOrderTime } from '#replica/segments/order-time.ts'
import { createFakeClock, type FakeClock } from '#tests/support/network-clock.ts'
import { openText, sealText } from '#tests/support/replica-gate.ts'
import { eventually } from '#tests/support/replica-peers.ts'
import { createSegmentWorld, type Member, type SegmentWorld } from '#tests/support/segment-world.ts'

const DAY_MS = 24 * 60 * 60_000

interface Setting {
  readonly clock: FakeClock
  readonly world: SegmentWorld
}

function setting(): Setting {
  const clock = createFakeClock()
  return { clock, world: createSegmentWorld(clock) }
}

function newestOf(member: Member): number {
  return member.chain.segments().at(-1)?.number ?? -1
}

function segmentOf(entry: { readonly time: number }): number {
  return segmentOfOrderTime(entry.time)
}

async function sayAll(member: Member, count: number, prefix: string = member.name): Promise<void> {
  for (let index = 0; index < count; index++) await member.say(`${prefix}${index}`)
}

/** Lets what waits for the clock or for a look at the disk happen. */
async function calm(clock: FakeClock, ...members: readonly Member[]): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await clock.advance(1_000)
    for (const member of members) await member.read()
  }
}

describe('order time', () => {
  it('puts everything of a later segment after everything of an earlier one', () => {
    const last = orderTimeOf(0, MAX_LAMPORT_TIME)
    expect(orderTimeOf(1, 1)).toBeGreaterThan(last)
    expect(segmentOfOrderTime(last)).toBe(0)
    expect(segmentOfOrderTime(orderTimeOf(1, 1))).toBe(1)
  })

  it('stays a safe integer in the last segment, and is never above its limit', () => {
    const greatest = orderTimeOf(MAX_SEGMENTS - 1, MAX_LAMPORT_TIME)
    expect(greatest).toBe(MAX_ORDER_TIME)
    expect(Number.isSafeInteger(MAX_ORDER_TIME)).toBe(true)
    expect(segmentOfOrderTime(greatest)).toBe(MAX_SEGMENTS - 1)
  })
})

describe('a chain is left for the next segment', () => {
  it('when the newest has its number of entries', async () => {
    const alice = setting().world.member('Alice', { maxEntries: 3 })
    await alice.start()
    const segments: number[] = []
    for (let index = 0; index < 7; index++) segments.push(segmentOf(await alice.say(`${index}`)))
    expect(segments).toEqual([0, 0, 0, 1, 1, 1, 2])
    await alice.read()
    expect(alice.texts()).toEqual(['0', '1', '2', '3', '4', '5', '6'])
  })

  it('when the newest has its number of bytes', async () => {
    const alice = setting().world.member('Alice', { maxBytes: 200 })
    await alice.start()
    await sayAll(alice, 5)
    expect(newestOf(alice)).toBe(2)
  })

  it('when its first entry is old, also after a restart, but never while it is empty', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxAgeMs: DAY_MS })
    await alice.start()
    await clock.advance(2 * DAY_MS)
    expect(segmentOf(await alice.say('late, and the first'))).toBe(0)
    await clock.advance(DAY_MS - 1)
    expect(segmentOf(await alice.say('just in time'))).toBe(0)
    await alice.stop()
    await clock.advance(1)
    await alice.start()
    expect(segmentOf(await alice.say('too late'))).toBe(1)
  })

  it('when another member has left it', async () => {
    const { world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    const bob = world.member('Bob')
    await alice.start()
    await bob.start()
    world.connect(alice, bob)
    await sayAll(alice, 3)
    expect(segmentOf(await bob.say('too'))).toBe(1)
  })

  it('at the same time by two members, who meet in it', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    const bob = world.member('Bob', { maxEntries: 2 })
    await alice.start()
    await bob.start()
    world.connect(alice, bob)
    await sayAll(alice, 2)
    world.disconnect(alice, bob)
    expect(segmentOf(await alice.say('left by Alice'))).toBe(1)
    expect(segmentOf(await bob.say('left by Bob'))).toBe(1)
    world.connect(alice, bob)
    await calm(clock, alice, bob)
    expect(alice.texts()).toEqual(bob.texts())
    expect(alice.texts()).toHaveLength(4)
  })

  it('but the last one, which there is none after', async () => {
    const alice = setting().world.member('Alice', { maxEntries: 1 })
    alice.resumeAt(MAX_SEGMENTS - 2)
    await alice.start()
    const segments: number[] = []
    for (let index = 0; index < 3; index++) segments.push(segmentOf(await alice.say(`${index}`)))
    expect(segments).toEqual([MAX_SEGMENTS - 2, MAX_SEGMENTS - 1, MAX_SEGMENTS - 1])
    await alice.read()
    expect(alice.texts()).toEqual(['0', '1', '2'])
  })
})

describe('who follows a chain', () => {
  it('has the newest segment and the empty next one open', async () => {
    const { world } = setting()
    const alice = world.member('Alice')
    await alice.start()
    expect(alice.openSegments()).toEqual([0, 1])
  })

  it('finds the newest segment from the first one, without being told', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    await alice.start()
    await sayAll(alice, 9)
    const bob = world.member('Bob', { maxEntries: 2 })
    await bob.start()
    world.connect(alice, bob)
    await calm(clock, bob)
    expect(newestOf(bob)).toBe(4)
    await alice.read()
    expect(bob.texts()).toEqual(alice.texts())
  })

  it('gets the newest segment first when it knows how far the chain is, and the others after it', async () => {
    const { clock, world } = setting()
    const pim = world.node('Pim')
    const alice = world.member('Alice', { maxEntries: 2 })
    await alice.start()
    world.connect(alice, pim)
    await sayAll(alice, 8)
    await alice.stop()
    alice.wipe()
    world.disconnect(alice, pim)
    await alice.start()
    const arrived: number[] = []
    alice.chain.addEventListener('entries', ({ detail }) => arrived.push(...detail.map(segmentOf)))
    await calm(clock, alice)
    world.connect(alice, pim)
    await calm(clock, alice)
    expect(arrived).toEqual([3, 3, 2, 2, 1, 1, 0, 0])
    expect(alice.texts()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'].map((n) => `Alice${n}`))
  })

  it('hears late entries of a segment that was left, once and in their place', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    const bob = world.member('Bob', { maxEntries: 4 })
    await alice.start()
    await bob.start()
    world.connect(alice, bob)
    await alice.say('first')
    world.disconnect(alice, bob)
    await bob.say('late')
    await sayAll(alice, 3, 'meanwhile')
    world.connect(alice, bob)
    await calm(clock, alice, bob)
    expect(alice.texts()).toEqual(bob.texts())
    expect([...alice.texts()].sort()).toEqual([
      'first',
      'late',
      'meanwhile0',
      'meanwhile1',
      'meanwhile2'
    ])
    expect(alice.texts().slice(-2)).toEqual(['meanwhile1', 'meanwhile2'])
    expect(segmentOf(await bob.say('and after'))).toBe(1)
  })

  it('closes what was left long ago, and visits it for entries that are even later', async () => {
    const { clock, world } = setting()
    const pim = world.node('Pim')
    const alice = world.member('Alice', { maxEntries: 1, lateMs: DAY_MS })
    const bob = world.member('Bob', { maxEntries: 9, lateMs: DAY_MS })
    await alice.start()
    await bob.start()
    world.connect(alice, pim)
    await sayAll(alice, 3)
    await bob.say('very late')
    await clock.advance(3 * DAY_MS)
    await alice.say('closes')
    expect(alice.openSegments()).toEqual([2, 3, 4])
    await calm(clock, alice)
    world.connect(bob, pim)
    await calm(clock, alice, bob)
    expect(alice.texts()).not.toContain('very late')
    await clock.advance(DAY_MS)
    await calm(clock, alice, bob)
    expect(alice.texts()).toContain('very late')
    expect(alice.texts()).toEqual(bob.texts())
    expect(alice.openSegments()).not.toContain(0)
  })

  it('never has more segments open than it may', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 1, maxOpen: 4 })
    await alice.start()
    for (let index = 0; index < 12; index++) {
      await alice.say(`${index}`)
      await clock.advance(0)
      expect(alice.openSegments().length).toBeLessThanOrEqual(4)
    }
    expect(alice.openSegments()).toEqual([9, 10, 11, 12])
  })

  it('reads closed segments when asked to', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 1, maxOpen: 2 })
    await alice.start()
    await sayAll(alice, 4)
    await clock.advance(0)
    expect(alice.openSegments()).toEqual([3, 4])
    await alice.read()
    expect(alice.texts()).toHaveLength(4)
    await clock.advance(0)
    expect(alice.openSegments()).toEqual([3, 4])
  })

  it('knows what may still be missing before an entry', async () => {
    const { clock, world } = setting()
    const pim = world.node('Pim')
    const alice = world.member('Alice', { maxEntries: 1 })
    await alice.start()
    world.connect(alice, pim)
    await sayAll(alice, 3)
    await calm(clock, alice)
    expect(alice.chain.isEarly(2)).toBe(false)
    world.disconnect(alice, pim)
    await alice.stop()
    await alice.start()
    await calm(clock, alice)
    expect([0, 1, 2].map((number) => alice.chain.isEarly(number))).toEqual([false, true, true])
    world.connect(alice, pim)
    await calm(clock, alice)
    expect(alice.chain.isEarly(2)).toBe(false)
  })

  it('is heard live by those who are one segment behind, and hears them', async () => {
    const { world } = setting()
    const pim = world.node('Pim')
    const alice = world.member('Alice', { maxEntries: 1 })
    const bob = world.member('Bob')
    await alice.start()
    await bob.start()
    world.connect(alice, bob)
    await alice.say('0')
    world.disconnect(alice, bob)
    world.connect(alice, pim)
    await alice.say('1')
    world.disconnect(alice, pim)
    const heard: string[] = []
    for (const [member, other] of [
      [alice, bob],
      [bob, alice]
    ] as const) {
      member.chain.addEventListener('live', ({ detail }) => {
        heard.push(`${other.name}: ${openText(detail.sealed)}`)
      })
    }
    expect([newestOf(alice), newestOf(bob)]).toEqual([1, 0])
    world.connectSilently(alice, bob)
    await alice.chain.sendLive(sealText('here'))
    await bob.chain.sendLive(sealText('there'))
    expect(heard).toEqual(['Alice: here', 'Bob: there'])
  })

  it('tells own entries in every segment', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 1 })
    const bob = world.member('Bob', { maxEntries: 1 })
    await alice.start()
    await bob.start()
    world.connect(alice, bob)
    await alice.say('mine')
    await bob.say('his')
    await alice.say('mine too')
    await calm(clock, alice)
    const own = alice.heard.filter((entry) => alice.chain.isOwn(entry))
    expect(own.map(({ sealed }) => openText(sealed)).sort()).toEqual(['mine', 'mine too'])
  })
})

describe('a restart', () => {
  it('goes on in the newest segment, and reads on where it was', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    await alice.start()
    await sayAll(alice, 5)
    await alice.read()
    await alice.stop()
    await alice.start()
    expect(segmentOf(await alice.say('again'))).toBe(2)
    await calm(clock, alice)
    expect(alice.texts()).toHaveLength(6)
    expect(new Set(alice.texts()).size).toBe(6)
  })

  it('finds a segment that was begun and not remembered', async () => {
    const { clock } = setting()
    const world = createSegmentWorld(clock)
    const alice = world.member('Alice', { maxEntries: 2 })
    const bob = world.member('Bob', { maxEntries: 2 })
    await bob.start()
    await sayAll(bob, 5)
    world.connect(alice, bob)
    await alice.start()
    await eventually('Alice is there', () => newestOf(alice) === 2)
    await calm(clock, alice)
    expect(alice.texts()).toHaveLength(5)
  })
})

describe('damage', () => {
  it('of an old segment harms no other', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    await alice.start()
    await sayAll(alice, 6)
    await alice.stop()
    alice.damage(1)
    await alice.start()
    await calm(clock, alice)
    expect(alice.texts()).toEqual(['Alice0', 'Alice1', 'Alice4', 'Alice5'])
    expect(alice.chain.segments().map(({ isDamaged }) => isDamaged)).toEqual([false, true, false])
    expect(segmentOf(await alice.say('goes on'))).toBe(3)
  })

  it('of one entry takes what comes after it in its segment, and nothing else', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    await alice.start()
    const lost = await alice.say('lost')
    alice.lose(lost)
    await sayAll(alice, 3)
    await calm(clock, alice)
    expect(alice.texts()).toEqual(['Alice1', 'Alice2'])
    expect(alice.chain.segments()[0]?.isDamaged).toBe(true)
  })

  it('of the newest segment moves the chain on, for the others too', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice')
    const bob = world.member('Bob')
    await alice.start()
    await bob.start()
    world.connect(alice, bob)
    await alice.say('before')
    await alice.stop()
    alice.damage(0)
    await alice.start()
    expect(segmentOf(await alice.say('after'))).toBe(1)
    await calm(clock, alice, bob)
    expect(bob.texts()).toEqual(['before', 'after'])
    expect(segmentOf(await bob.say('too'))).toBe(1)
    await calm(clock, alice)
    expect(alice.texts()).toEqual(['after', 'too'])
  })

  it('of the newest segment and the next one moves the chain on over both', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice')
    alice.damage(0)
    alice.damage(1)
    await alice.start()
    expect(segmentOf(await alice.say('after'))).toBe(2)
    await calm(clock, alice)
    expect(alice.texts()).toEqual(['after'])
  })
})

describe('dropping', () => {
  it('takes the oldest segment, which then is gone, also after a restart', async () => {
    const { clock, world } = setting()
    const alice = world.member('Alice', { maxEntries: 2 })
    await alice.start()
    await sayAll(alice, 5)
    await expect(alice.chain.drop(1)).rejects.toMatchObject({ code: 'internal' })
    await alice.chain.drop(0)
    expect(alice.chain.segments().map(({ number }) => number)).toEqual([1, 2])
    await alice.stop()
    await alice.start()
    await calm(clock, alice)
    expect(alice.texts()).toEqual(['Alice2', 'Alice3', 'Alice4'])
    expect(alice.openings()).not.toContain(0)
  })

  it('leaves the newest one', async () => {
    const alice = setting().world.member('Alice')
    await alice.start()
    await alice.say('only')
    await expect(alice.chain.drop(0)).rejects.toMatchObject({ code: 'internal' })
  })
})

it('a closed chain refuses to append, and may be closed twice', async () => {
  const alice = setting().world.member('Alice')
  await alice.start()
  const { chain } = alice
  await chain.close()
  await chain.close()
  await expect(chain.append(sealText('too late'))).rejects.toMatchObject({ code: 'stopped' })
})
