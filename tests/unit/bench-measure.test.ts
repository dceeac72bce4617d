import { describe, expect, it } from 'vitest'
import type { BenchContext } from '../../bench/bench.ts'
import type { Machine } from '../../bench/machine.ts'
import { compare, interleave, quantile, spreadOf } from '../../bench/measure.ts'
import { isSelected, parseCommandLine } from '../../bench/options.ts'
import { formatJson } from '../../bench/report.ts'

const KNOWN = ['append', 'live']

const MACHINE: Machine = {
  commit: '0123abc',
  startedAt: '2026-01-02T03:04:05.000Z',
  cores: 2,
  processor: 'any',
  memoryMb: 1_000,
  node: '24.0.0',
  chromium: null
}

describe('a result', () => {
  it('has a ratio above 1 when ours is better, whichever way the unit counts', () => {
    const shared = { bench: 'any', case: 'any' } as const
    const rival = { name: 'rival', values: [50] }
    expect(compare({ ...shared, unit: 'appends/s', ours: [100], rival }).ratio).toBe(2)
    expect(compare({ ...shared, unit: 'ms', ours: [100], rival }).ratio).toBe(0.5)
    expect(compare({ ...shared, unit: 'ms', ours: [25], rival }).ratio).toBe(2)
  })

  it('has neither rival nor ratio where there is nothing to compare with', () => {
    const result = compare({
      bench: 'load',
      case: 'first-run',
      unit: 'ms',
      ours: [3, 1, 2],
      rival: null
    })
    expect(JSON.parse(formatJson({ results: [result], machine: MACHINE, benches: [] }))).toEqual({
      machine: MACHINE,
      benches: [],
      results: [
        {
          bench: 'load',
          case: 'first-run',
          unit: 'ms',
          ours: { median: 2, min: 1, max: 3, runs: 3 },
          rival: null,
          ratio: null
        }
      ]
    })
  })

  it('takes the mean of the two middle values of an even number', () => {
    expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5)
  })

  it('reads a quantile between its neighbours', () => {
    expect(quantile([10, 0], 0.95)).toBeCloseTo(9.5)
    expect(() => quantile([], 0.5)).toThrow('nothing was measured')
  })
})

describe('interleaved runs', () => {
  it('alternate who goes first', async () => {
    const context: BenchContext = {
      runs: 3,
      isQuick: true,
      wants: () => true,
      report: () => undefined,
      signal: new AbortController().signal
    }
    const order: string[] = []
    const values = await interleave(
      context,
      ['ours', 'rival'],
      async (name) => order.push(name),
      String
    )
    expect(order).toEqual(['ours', 'rival', 'rival', 'ours', 'ours', 'rival'])
    expect(values).toEqual({ ours: [1, 4, 5], rival: [2, 3, 6] })
  })
})

describe('the command line', () => {
  it('runs everything when nothing is named', () => {
    expect(parseCommandLine([], KNOWN)).toEqual({
      kind: 'run',
      benches: [
        { name: 'append', cases: [] },
        { name: 'live', cases: [] }
      ],
      runs: 5,
      isQuick: false,
      jsonFile: null
    })
  })

  it('runs what is named', () => {
    expect(
      parseCommandLine(['live', '--json', 'out.json', '--runs', '7', '--quick'], KNOWN)
    ).toEqual({
      kind: 'run',
      benches: [{ name: 'live', cases: [] }],
      runs: 7,
      isQuick: true,
      jsonFile: 'out.json'
    })
  })

  it('runs single cases of what is named, or all that begin alike', () => {
    const command = parseCommandLine(['live/node', 'append', 'append/node-1000'], KNOWN)
    expect(command).toMatchObject({
      benches: [
        { name: 'append', cases: [] },
        { name: 'live', cases: ['node'] }
      ]
    })
    const live = { name: 'live', cases: ['node'] }
    expect(['node', 'node-p50', 'nodes-p50'].map((name) => isSelected(live, name))).toEqual([
      true,
      true,
      false
    ])
    expect(isSelected({ name: 'append', cases: [] }, 'anything')).toBe(true)
  })

  it.each([
    ['an unknown name', ['fast']],
    ['a case of an unknown name', ['fast/node']],
    ['an unknown flag', ['--fast']],
    ['a flag without its value', ['append', '--json']],
    ['an empty file name', ['--json', '']],
    ['no run at all', ['--runs', '0']],
    ['half a run', ['--runs', '1.5']],
    ['something else than a number', ['--runs', 'many']]
  ])('refuses %s', (_what, args) => {
    expect(parseCommandLine(args, KNOWN).kind).toBe('refuse')
  })
})
