import { describe, expect, it } from 'vitest'
import { formatFigures } from '../../bench/figures.ts'
import { compare } from '../../bench/measure.ts'
import type { Report } from '../../bench/report.ts'

const RESULTS = [
  compare({
    bench: 'append',
    case: 'node-1000',
    unit: 'appends/s',
    ours: [700, 600, 800],
    rival: { name: 'rival', values: [100, 100, 100] }
  }),
  compare({ bench: 'append', case: 'flat-100000', unit: 'ratio', ours: [1.2], rival: null }),
  compare({ bench: 'many-logs', case: '10000-start', unit: 'ms', ours: [12_345], rival: null }),
  compare({ bench: 'load', case: 'first-run', unit: 'ms', ours: [690], rival: null })
]

const REPORT: Report = {
  results: RESULTS,
  machine: {
    commit: '0123abc',
    startedAt: '2026-01-02T03:04:05.000Z',
    cores: 2,
    processor: 'some processor',
    memoryMb: 1_000,
    node: '24.0.0',
    chromium: null
  },
  benches: [{ bench: 'append', seconds: 90, loadBefore: 0.1, loadAfter: 2 }]
}

describe('the figures of the documentation', () => {
  const [conditions = '', , ...rows] = formatFigures(REPORT).split('\n')

  it('say how and where they were measured', () => {
    for (const fact of ['2026-01-02', '0123abc', '2 cores', 'Node 24.0.0', 'append 0.1 and 2.0']) {
      expect(conditions).toContain(fact)
    }
    expect(conditions).not.toContain('Chromium')
  })

  it('are bold where they miss what is wanted, ratios and figures alike', () => {
    expect(rows.slice(2)).toEqual([
      '| append | node-1000 | appends/s | 700 (600-800) | rival: 100 | **7x** | 8x |',
      '| append | flat-100000 | ratio | 1.2 |  |  | at most 1.3 |',
      '| many-logs | 10000-start | ms | **12,345** |  |  | at most 10,000 |',
      '| load | first-run | ms | 690 |  |  |  |'
    ])
  })
})
