import { MAX_LAMPORT_TIME } from '#protocol/limits.ts'

/**
 * One number that orders the entries of a whole chain: those of a later segment come after those of an earlier one, and
 * inside a segment the Lamport time decides. Entries of different segments never have the same.
 *
 * @param segment - 0..`MAX_SEGMENTS` - 1.
 * @param time - Lamport time, 1..`MAX_LAMPORT_TIME`, as the entry rules let through.
 */
export function orderTimeOf(segment: number, time: number): number {
  return segment * MAX_LAMPORT_TIME + time
}

/** The segment of an {@link orderTimeOf}. */
export function segmentOfOrderTime(orderTime: number): number {
  return Math.floor((orderTime - 1) / MAX_LAMPORT_TIME)
}
