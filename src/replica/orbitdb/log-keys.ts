import type { LogAddress } from '#protocol/brand.ts'
import { manifestHashOf } from '#protocol/log-manifest.ts'
import { arrivalKey, blockKey } from './entry-rows.ts'

/**
 * Where the parts of a log are in the store: two rows for each entry, and one for the log.
 *
 * - `log-state/<manifest hash>`: counters and heads; one range lists all logs of the store
 * - `log/<manifest hash>/<arrival>`: an entry, see `encodeEntryRow`. Arrival is the order of this replica, which is causal
 * - `entry/<hash>`: see `EntryPlace`; its presence means "stored". Entries of all logs share this range, so that a block is
 *   found by its hash alone
 */
export interface LogKeys {
  readonly manifestHash: string
  readonly state: string
  /** Present while a log is being deleted. */
  readonly forgetting: string
  /** Block of the log's manifest: its hash is the address. */
  readonly manifest: string
  arrival(position: number): string
  /** Range of the arrivals `first..last`, both included; to the newest without `last`. */
  arrivals(first: number, last?: number): { readonly from: string; readonly to: string }
}

/** Range of the states of all logs. '0' follows '/' in ASCII. */
export const STATE_RANGE = { from: 'log-state/', to: 'log-state0' } as const

export function createLogKeys(address: LogAddress): LogKeys {
  const manifestHash = manifestHashOf(address)
  const arrival = (position: number): string => arrivalKey(manifestHash, position)
  return {
    manifestHash,
    state: STATE_RANGE.from + manifestHash,
    forgetting: `log-forgetting/${manifestHash}`,
    manifest: blockKey(manifestHash),
    arrival,
    arrivals: (first, last) => ({
      from: arrival(first),
      to: last === undefined ? `log/${manifestHash}0` : arrival(last + 1)
    })
  }
}
