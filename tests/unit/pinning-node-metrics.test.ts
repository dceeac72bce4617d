import { expect, it } from 'vitest'
import { createMetrics } from '#pinning-node/metrics.ts'

it('figures are lines that Prometheus reads, each with its type before it', () => {
  const metrics = createMetrics()
  metrics.pinHeld()
  metrics.pinRefused('over-quota')
  metrics.logExpired()
  metrics.entriesStored(3)
  const text = metrics.text({
    requests: { refusedRequests: 2, failedHandlers: 1 },
    gauges: { logs: 4 }
  })
  const figures = [
    ['pins_held_total', 'counter', '', 1],
    ['pins_refused_total', 'counter', '{status="over-quota"}', 1],
    ['logs_expired_total', 'counter', '', 1],
    ['entries_stored_total', 'counter', '', 3],
    ['requests_refused_total', 'counter', '', 2],
    ['requests_failed_total', 'counter', '', 1],
    ['logs', 'gauge', '', 4]
  ] as const
  const lines = text.split('\n')
  for (const [name, type, labels, value] of figures) {
    const typeAt = lines.indexOf(`# TYPE deaddrop_${name} ${type}`)
    expect(typeAt).toBeGreaterThanOrEqual(0)
    expect(lines.indexOf(`deaddrop_${name}${labels} ${String(value)}`)).toBeGreaterThan(typeAt)
  }
  expect(lines.at(-1)).toBe('')
})
