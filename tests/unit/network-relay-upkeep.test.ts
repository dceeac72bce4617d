import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { peerIdFromString } from '@libp2p/peer-id'
import { expect, it } from 'vitest'
import { startRelayUpkeep } from '#replica/network/relay-upkeep.ts'
import { createFakeClock } from '#tests/support/network-clock.ts'

const PIM = peerIdFromString('12D3KooWAFZRjDG7uDM7A9MBN2uZDawtrJQCiVsUZ2XhurNVUS4Y')

function createWorld() {
  const clock = createFakeClock(0)
  const stopped = new AbortController()
  const state = { isConnected: true, hasReservation: false, asked: 0 }
  const upkeep = startRelayUpkeep(
    {
      clock,
      isConnected: () => state.isConnected,
      reservations: {
        has: () => state.hasReservation,
        reserve: () => {
          state.asked++
          return Promise.reject(new Error('no room'))
        }
      }
    },
    stopped.signal
  )
  return { clock, stopped, state, upkeep }
}

it('a relay that refused is asked again every 15 s', async () => {
  const world = createWorld()
  world.upkeep.onIdentified(PIM, [RELAY_V2_HOP_CODEC])
  await world.clock.advance(61_000)
  expect(world.state.asked).toBe(5)
})

it('a relay that granted is left alone until the reservation is gone', async () => {
  const world = createWorld()
  world.state.hasReservation = true
  world.upkeep.onIdentified(PIM, [RELAY_V2_HOP_CODEC])
  await world.clock.advance(60_000)
  expect(world.state.asked).toBe(0)
  world.state.hasReservation = false
  await world.clock.advance(15_000)
  expect(world.state.asked).toBe(1)
})

it('nobody is asked who is no relay, is disconnected, or after the end', async () => {
  const world = createWorld()
  world.upkeep.onIdentified(PIM, ['/ipfs/ping/1.0.0'])
  await world.clock.advance(60_000)
  world.upkeep.onIdentified(PIM, [RELAY_V2_HOP_CODEC])
  world.state.isConnected = false
  await world.clock.advance(60_000)
  world.state.isConnected = true
  world.upkeep.onDisconnected(PIM)
  await world.clock.advance(60_000)
  world.upkeep.onIdentified(PIM, [RELAY_V2_HOP_CODEC])
  world.stopped.abort()
  await world.clock.advance(60_000)
  expect(world.state.asked).toBe(0)
  expect(world.clock.pending).toBe(0)
})
