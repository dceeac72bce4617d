import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createFakeClock } from '#tests/support/network-clock.ts'
import { createSegmentWorld, type Member } from '#tests/support/segment-world.ts'

const HOUR_MS = 60 * 60_000
const DAY_MS = 24 * HOUR_MS
const PEOPLE = ['Alice', 'Bob', 'Carol'] as const

const anyone = fc.nat(PEOPLE.length - 1)
const anyStep = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('say' as const), by: anyone }), weight: 8 },
  { arbitrary: fc.record({ kind: fc.constant('read' as const), by: anyone }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('restart' as const), by: anyone }), weight: 2 },
  {
    arbitrary: fc.record({
      kind: fc.constant('link' as const),
      by: anyone,
      /** Another person, or the node. */
      to: fc.nat(PEOPLE.length),
      isUp: fc.boolean()
    }),
    weight: 4
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(2_000, HOUR_MS, DAY_MS, 3 * DAY_MS)
    }),
    weight: 2
  }
)

it('whoever appends, leaves segments, is cut off or restarts: all end with the same sequence, nothing lost or twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, maxEntries) => {
        const clock = createFakeClock()
        const world = createSegmentWorld(clock)
        const pim = world.node('Pim')
        const bounds = { maxEntries, maxAgeMs: 2 * DAY_MS, lateMs: DAY_MS, maxOpen: 4 }
        const people = PEOPLE.map((name) => world.member(name, bounds))
        const peers = [...people, pim]
        for (const person of people) await person.start()
        const said: string[] = []
        const ownOrder = new Map<Member, string[]>(people.map((person) => [person, []]))

        for (const [at, step] of steps.entries()) {
          if (step.kind === 'wait') {
            await clock.advance(step.ms)
            continue
          }
          const person = people[step.by]
          if (person === undefined) throw new Error('nobody')
          switch (step.kind) {
            case 'say': {
              const text = `${person.name} ${at}`
              await person.say(text)
              said.push(text)
              ownOrder.get(person)?.push(text)
              break
            }
            case 'read':
              await person.read()
              break
            case 'restart':
              await person.stop()
              await person.start()
              break
            case 'link': {
              const other = peers[step.to]
              if (other === undefined || other === person) break
              if (step.isUp) world.connect(person, other)
              else world.disconnect(person, other)
              break
            }
          }
        }

        for (const person of people) world.connect(person, pim)
        // Who was cut off finds what it missed: the newest segment at once, entries that came late at the next visit.
        for (let day = 0; day < 3; day++) {
          for (let seconds = 0; seconds < 60; seconds += 2) {
            await clock.advance(2_000)
            for (const person of people) await person.read()
          }
          await clock.advance(DAY_MS)
        }
        for (const person of people) await person.read()

        const [alice] = people
        for (const person of people) {
          expect(person.texts()).toEqual(alice?.texts())
          expect([...person.texts()].sort()).toEqual([...said].sort())
          const own = ownOrder.get(person) ?? []
          expect(person.texts().filter((text) => own.includes(text))).toEqual(own)
          expect(person.openSegments().length).toBeLessThanOrEqual(4)
          await person.stop()
        }
      }
    ),
    { numRuns: 60 }
  )
}, 120_000)
