import { describe, expect, it } from 'vitest'
import type { BenchContext } from '../../bench/bench.ts'
import { compare, interleave, quantile, spreadOf } from '../../bench/measure.ts'
import { parseCommandLine } from '../../bench/options.ts'
import { formatJson } from '../../bench/report.ts'

const KNOWN = ['append', 'live']

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
    expect(JSON.parse(formatJson([result]))).toEqual({
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
      names: KNOWN,
      runs: 3,
      isQuick: false,
      jsonFile: null
    })
  })

  it('runs what is named', () => {
    expect(
      parseCommandLine(['live', '--json', 'out.json', '--runs', '5', '--quick'], KNOWN)
    ).toEqual({ kind: 'run', names: ['live'], runs: 5, isQuick: true, jsonFile: 'out.json' })
  })

  it.each([
    ['an unknown name', ['fast']],
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
