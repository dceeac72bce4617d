import { onScopeDispose, readonly, ref } from 'vue'
import type { Ref } from 'vue'

const FEEDBACK_MS = 2_500

/** Copying to the clipboard with feedback that goes away by itself. */
export function useCopy(): {
  readonly state: Readonly<Ref<'idle' | 'copied' | 'failed'>>
  readonly copy: (text: string) => Promise<void>
} {
  const state = ref<'idle' | 'copied' | 'failed'>('idle')
  let timer: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => {
    clearTimeout(timer)
  })
  return {
    state: readonly(state),
    async copy(text) {
      clearTimeout(timer)
      try {
        await navigator.clipboard.writeText(text)
        state.value = 'copied'
      } catch {
        state.value = 'failed'
      }
      timer = setTimeout(() => {
        state.value = 'idle'
      }, FEEDBACK_MS)
    }
  }
}
