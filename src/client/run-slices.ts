import { DeadDropError } from '#protocol/errors.ts'
import { nextTask } from '#replica/next-task.ts'

/** Shorter than a frame, so that input and paint are never late. */
const SLICE_MS = 12

/**
 * Drives a long computation that yields, and gives other tasks their turn in between.
 *
 * @param onProgress - called at most once a slice with what the computation yielded last.
 * @throws {DeadDropError} `stopped` when `signal` is aborted.
 */
export async function runSlices<T>(
  slices: Generator<number, T>,
  options: {
    readonly now: () => number
    readonly onProgress?: (done: number) => void
    readonly signal?: AbortSignal | undefined
  }
): Promise<T> {
  let startMs = options.now()
  for (;;) {
    const step = slices.next()
    if (step.done === true) return step.value
    if (Math.abs(options.now() - startMs) < SLICE_MS) continue
    options.onProgress?.(step.value)
    await nextTask()
    if (options.signal?.aborted === true) throw new DeadDropError('stopped', 'reading was stopped')
    startMs = options.now()
  }
}
