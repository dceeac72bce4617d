import { readonly, ref } from 'vue'
import type { Ref } from 'vue'
import type { ErrorCode } from '../client-types.ts'
import { errorCodeOf } from '../error-code.ts'

/** One thing that the user asked for: whether it is under way and why it failed. */
export interface Task<A extends unknown[], R> {
  readonly isBusy: Readonly<Ref<boolean>>
  readonly error: Readonly<Ref<ErrorCode | null>>
  /** Resolves to `undefined` when it failed, or while an earlier run is under way. Never rejects. */
  readonly run: (...input: A) => Promise<R | undefined>
  /** Forgets the last error, e.g. because the user edits the input. */
  readonly clear: () => void
}

/** Runs `action` for the user, one at a time, and keeps its error as a code. */
export function useTask<A extends unknown[], R>(action: (...input: A) => Promise<R>): Task<A, R> {
  const isBusy = ref(false)
  const error = ref<ErrorCode | null>(null)
  return {
    isBusy: readonly(isBusy),
    error: readonly(error),
    async run(...input) {
      if (isBusy.value) return undefined
      isBusy.value = true
      error.value = null
      try {
        return await action(...input)
      } catch (cause) {
        error.value = errorCodeOf(cause)
        return undefined
      } finally {
        isBusy.value = false
      }
    },
    clear() {
      error.value = null
    }
  }
}
