import { onScopeDispose, readonly, shallowRef } from 'vue'
import type { ShallowRef } from 'vue'
import type { SafetyView } from '#client/client.ts'
import type { SafetyComparison } from '../client-types.ts'
import { useClient } from './useClient.ts'
import { useTask, type Task } from './useTask.ts'

/** Making sure who the contact of a conversation is. */
export interface ContactVerification {
  /** `null` until it is calculated. */
  readonly safety: Readonly<ShallowRef<SafetyView | null>>
  readonly loading: Task<[], void>
  /** Compares a code of the contact; a match marks them as verified. */
  readonly check: Task<[code: string], SafetyComparison>
  /** What the last code said; `null` before one, and while the next is compared. */
  readonly outcome: Readonly<ShallowRef<SafetyComparison | null>>
  readonly mark: Task<[isVerified: boolean], void>
  readonly forgetOutcome: () => void
}

export function useVerification(id: string): ContactVerification {
  const client = useClient()
  const safety = shallowRef<SafetyView | null>(null)
  const outcome = shallowRef<SafetyComparison | null>(null)
  let isDisposed = false
  onScopeDispose(() => {
    isDisposed = true
  })

  const loading = useTask(async () => {
    const found = await client.safetyNumber(id)
    if (!isDisposed) safety.value = found
  })
  const check = useTask(async (code: string) => {
    outcome.value = null
    outcome.value = await client.compareSafetyCode(id, code)
    return outcome.value
  })
  const mark = useTask(async (isVerified: boolean) => {
    await client.setVerified(id, isVerified)
    outcome.value = null
  })
  void loading.run()

  return {
    safety: readonly(safety),
    loading,
    check,
    outcome: readonly(outcome),
    mark,
    forgetOutcome() {
      outcome.value = null
      check.clear()
    }
  }
}
