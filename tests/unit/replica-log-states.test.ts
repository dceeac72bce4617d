import { expect, it } from 'vitest'
import type { EntryHash, LogAddress } from '#protocol/brand.ts'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import { nameOfDigest } from '#replica/orbitdb/entry-hash.ts'
import { createLogStates } from '#replica/sync/log-states.ts'
import type { LogStates } from '#replica/sync/log-states.ts'

const salt = new Uint8Array(8)
const [head, newer] = [1, 2].map((n) => hashOfBlock(Uint8Array.of(n))) as [EntryHash, EntryHash]

/** Logs whose addresses differ in the last byte alone, so that they share their tag. */
function twin(n: number): LogAddress {
  return readLogAddress(`/orbitdb/${nameOfDigest(new Uint8Array(32).fill(7).fill(n, 31))}`)
}

function statesOf(logs: readonly (readonly [LogAddress, readonly EntryHash[]])[]): LogStates {
  const states = createLogStates({ openLog: () => undefined })
  for (const [address, heads] of logs) {
    states.add(address)
    states.note(address, heads.length, heads)
  }
  return states
}

async function ask(
  from: LogStates,
  address: LogAddress,
  to: LogStates
): Promise<Awaited<ReturnType<LogStates['compare']>>> {
  return to.compare(await from.itemFor(address, salt), salt)
}

it('a log with the same heads is the same, with others it is different, and else it is unknown', async () => {
  const alice = statesOf([[twin(1), [head]]])
  expect(await ask(alice, twin(1), statesOf([[twin(1), [head]]]))).toEqual({
    comparison: 'same',
    same: twin(1)
  })
  const different = { comparison: 'different', same: undefined }
  expect(await ask(alice, twin(1), statesOf([[twin(1), [newer]]]))).toEqual(different)
  const empty = statesOf([])
  empty.add(twin(1))
  expect(await ask(alice, twin(1), empty)).toEqual(different)
  expect(await ask(alice, twin(1), statesOf([]))).toEqual({
    comparison: 'unknown',
    same: undefined
  })
})

it('a log is never taken for another one with the same tag and the same heads', async () => {
  const alice = statesOf([
    [twin(1), [head]],
    [twin(2), [head]]
  ])
  const pim = statesOf([[twin(2), [head]]])
  expect((await ask(alice, twin(1), pim)).comparison).toBe('different')
  expect(await ask(alice, twin(2), pim)).toEqual({ comparison: 'same', same: twin(2) })
  const both = statesOf([
    [twin(1), [newer]],
    [twin(2), [head]]
  ])
  expect((await ask(alice, twin(1), both)).comparison).toBe('different')
  expect(await ask(alice, twin(2), both)).toEqual({ comparison: 'same', same: twin(2) })
})

it('a log that was deleted is unknown, and its twin is not', async () => {
  const alice = statesOf([
    [twin(1), [head]],
    [twin(2), [head]]
  ])
  const pim = statesOf([
    [twin(1), [head]],
    [twin(2), [head]]
  ])
  pim.delete(twin(1))
  expect((await ask(alice, twin(1), pim)).comparison).toBe('different')
  expect((await ask(alice, twin(2), pim)).comparison).toBe('same')
  pim.delete(twin(2))
  expect((await ask(alice, twin(2), pim)).comparison).toBe('unknown')
  expect(pim.entriesOf(twin(2))).toBeUndefined()
})
