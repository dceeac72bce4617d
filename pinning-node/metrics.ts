import type { PinRefusal } from '#protocol/pin-messages.ts'
import { PIN_REFUSALS } from '#protocol/pin-messages.ts'
import type { RequestCounters } from '#replica/replica.ts'

/** Counts since the start of the process. They name no log, no peer and no address. */
export interface Metrics {
  pinHeld(): void
  pinRefused(status: PinRefusal): void
  logExpired(): void
  entriesStored(count: number): void
  /** Prometheus text format 0.0.4. */
  text(figures: {
    readonly requests: RequestCounters
    readonly gauges: Readonly<Record<string, number>>
  }): string
}

export function createMetrics(): Metrics {
  const refused = new Map<PinRefusal, number>(PIN_REFUSALS.map((status) => [status, 0]))
  let held = 0
  let expired = 0
  let stored = 0
  return {
    pinHeld() {
      held++
    },
    pinRefused: (status) => void refused.set(status, (refused.get(status) ?? 0) + 1),
    logExpired() {
      expired++
    },
    entriesStored(count) {
      stored += count
    },
    text({ requests, gauges }) {
      const lines = [
        '# TYPE deaddrop_pins_held_total counter',
        `deaddrop_pins_held_total ${held}`,
        '# TYPE deaddrop_pins_refused_total counter',
        ...[...refused].map(
          ([status, count]) => `deaddrop_pins_refused_total{status="${status}"} ${count}`
        ),
        '# TYPE deaddrop_logs_expired_total counter',
        `deaddrop_logs_expired_total ${expired}`,
        '# TYPE deaddrop_entries_stored_total counter',
        `deaddrop_entries_stored_total ${stored}`,
        '# TYPE deaddrop_requests_refused_total counter',
        `deaddrop_requests_refused_total ${requests.refusedRequests}`,
        '# TYPE deaddrop_requests_failed_total counter',
        `deaddrop_requests_failed_total ${requests.failedHandlers}`
      ]
      for (const [name, value] of Object.entries(gauges)) {
        lines.push(`# TYPE deaddrop_${name} gauge`, `deaddrop_${name} ${value}`)
      }
      return `${lines.join('\n')}\n`
    }
  }
}
