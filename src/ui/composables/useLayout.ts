import { useMediaQuery } from '@vueuse/core'
import type { ComputedRef } from 'vue'

/** Whether list and conversation stand side by side. The same bound as in the style sheets. */
export function useIsWide(): ComputedRef<boolean> {
  return useMediaQuery('(min-width: 900px)')
}
