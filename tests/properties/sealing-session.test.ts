import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { SealedBytes } from '#protocol/brand.ts'
import { thawSession, type Session } from '#sealing/session.ts'
import {
  foundConversation,
  plain,
  sealedOf,
  sealingComponents,
  text
} from '#tests/support/sealing-world.ts'

const components = sealingComponents()
let frozenAlice: Uint8Array
let frozenBob: Uint8Array

beforeAll(async () => {
  const { alice, bob } = await foundConversation(components)
  frozenAlice = alice.freeze()
  frozenBob = bob.freeze()
})

describe('sealing session', { timeout: 60_000 }, () => {
  it('opens each message exactly once, in any order and with any duplication', async () => {
    const bob = await thawSession(components, frozenBob)
    const sealed: SealedBytes[] = []
    for (let index = 0; index < 40; index++) sealed.push(await bob.seal(plain(String(index))))
    const everyMessage = fc.shuffledSubarray([...sealed.keys()], { minLength: sealed.length })
    const again = fc.array(fc.nat(sealed.length - 1), { maxLength: 20 })
    const deliveries = fc
      .tuple(everyMessage, again, fc.infiniteStream(fc.nat()))
      .map(([order, repeats, places]) => {
        const mixed = [...order]
        for (const index of repeats)
          mixed.splice((places.next().value ?? 0) % (mixed.length + 1), 0, index)
        return mixed
      })
    await fc.assert(
      fc.asyncProperty(deliveries, fc.nat(59), async (order, restartAt) => {
        let alice = await thawSession(components, frozenAlice)
        const read: number[] = []
        for (const [step, index] of order.entries()) {
          if (step === restartAt) alice = await thawSession(components, alice.freeze())
          const opened = await alice.open(messageAt(sealed, index))
          if (opened.kind === 'opened') read.push(Number(text(opened.plain)))
          else expect(opened).toEqual({ kind: 'rejected', reason: 'opened-before' })
        }
        expect(read).toEqual([...new Set(order)])
      }),
      { numRuns: 60 }
    )
  })

  it('opens 1,000 messages that arrive in reverse', async () => {
    const [alice, bob] = await reopen()
    const sealed: SealedBytes[] = []
    for (let index = 0; index < 1_000; index++) sealed.push(await bob.seal(plain(String(index))))
    const kinds = new Set<string>()
    for (const message of sealed.reverse()) kinds.add((await alice.open(message)).kind)
    expect([...kinds]).toEqual(['opened'])
  })

  it('carries 200 messages both ways with restarts at random points', async () => {
    const event = fc.oneof(
      { arbitrary: fc.record({ kind: fc.constant('say' as const), by: fc.nat(1) }), weight: 10 },
      { arbitrary: fc.record({ kind: fc.constant('restart' as const), by: fc.nat(1) }), weight: 1 },
      { arbitrary: fc.record({ kind: fc.constant('deliver' as const), by: fc.nat(1) }), weight: 3 }
    )
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 280, maxLength: 280 }), async (events) => {
        const people = await reopen()
        const inFlight: [SealedBytes[], SealedBytes[]] = [[], []]
        const said: [string[], string[]] = [[], []]
        const heard: [string[], string[]] = [[], []]
        const deliver = async (to: number): Promise<void> => {
          for (const sealed of takeAll(inFlight, to)) {
            const opened = await personAt(people, to).open(sealed)
            if (opened.kind !== 'opened') throw new Error(`${opened.kind}: ${opened.reason}`)
            heard[to === 0 ? 0 : 1].push(text(opened.plain))
          }
        }
        for (const [step, { kind, by }] of events.entries()) {
          if (kind === 'restart') {
            people[by === 0 ? 0 : 1] = await thawSession(components, personAt(people, by).freeze())
          } else if (kind === 'deliver') {
            await deliver(by)
          } else {
            said[by === 0 ? 0 : 1].push(`message ${step}`)
            const sealed = await personAt(people, by).seal(plain(`message ${step}`))
            inFlight[by === 0 ? 1 : 0].push(sealed)
          }
        }
        await deliver(0)
        await deliver(1)
        expect(heard).toEqual([said[1], said[0]])
      }),
      { numRuns: 6 }
    )
  })

  it('is frozen and thawed without any change', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9), { maxLength: 12 }), async (order) => {
        const [alice, bob] = await reopen()
        const sealed: SealedBytes[] = []
        for (let index = 0; index < 10; index++) sealed.push(await bob.seal(plain(String(index))))
        for (const index of order) await alice.open(messageAt(sealed, index))
        const frozen = alice.freeze()
        expect((await thawSession(components, frozen)).freeze()).toEqual(frozen)
      }),
      { numRuns: 30 }
    )
  })

  it('takes any bytes as an entry without a throw and without a change', async () => {
    const alice = await thawSession(components, frozenAlice)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 700 }), async (bytes) => {
        expect((await alice.open(sealedOf(bytes))).kind).not.toBe('opened')
        expect(await alice.openLive(sealedOf(bytes))).toBeUndefined()
      }),
      { numRuns: 500 }
    )
    expect(alice.freeze()).toEqual(frozenAlice)
  })
})

async function reopen(): Promise<[alice: Session, bob: Session]> {
  return [await thawSession(components, frozenAlice), await thawSession(components, frozenBob)]
}

function messageAt(sealed: readonly SealedBytes[], index: number): SealedBytes {
  const message = sealed[index]
  if (message === undefined) throw new Error('no such message')
  return message
}

function personAt(people: readonly [Session, Session], index: number): Session {
  return index === 0 ? people[0] : people[1]
}

function takeAll(inFlight: readonly [SealedBytes[], SealedBytes[]], to: number): SealedBytes[] {
  return (to === 0 ? inFlight[0] : inFlight[1]).splice(0)
}
