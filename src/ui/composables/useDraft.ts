import { useEventListener, watchDebounced } from '@vueuse/core'
import { onScopeDispose, readonly, ref } from 'vue'
import type { Ref } from 'vue'
import type { ErrorCode } from '../client-types.ts'
import { errorCodeOf } from '../error-code.ts'
import { useClient } from './useClient.ts'

const SAVE_AFTER_MS = 300

/** What is being written in one conversation. */
export interface DraftState {
  readonly text: Ref<string>
  readonly error: Readonly<Ref<ErrorCode | null>>
  /** Hands the text to `send` and empties the field at once; a refused text comes back, unless another was begun. */
  readonly submit: (send: (text: string) => Promise<void>) => Promise<void>
}

/** The draft of a conversation: kept by the client, restored when the conversation opens again. */
export function useDraft(conversation: string): DraftState {
  const client = useClient()
  const text = ref('')
  const error = ref<ErrorCode | null>(null)
  let saved = ''
  let isTouched = false

  async function restore(): Promise<void> {
    const stored = await client.draft(conversation).catch(() => '')
    saved = stored
    if (!isTouched && text.value === '') text.value = stored
  }

  async function save(): Promise<void> {
    if (text.value === saved) return
    const value = text.value
    saved = value
    try {
      await client.setDraft(conversation, value)
    } catch (cause) {
      error.value = errorCodeOf(cause)
    }
  }

  void restore()
  watchDebounced(
    text,
    () => {
      isTouched = true
      void save()
    },
    { debounce: SAVE_AFTER_MS }
  )
  useEventListener(document, 'visibilitychange', () => void save())
  useEventListener(window, 'pagehide', () => void save())
  onScopeDispose(() => void save())

  return {
    text,
    error: readonly(error),
    async submit(send) {
      const value = text.value
      if (value.trim() === '') return
      text.value = ''
      isTouched = true
      error.value = null
      try {
        await send(value)
        await save()
      } catch (cause) {
        error.value = errorCodeOf(cause)
        if (text.value === '') text.value = value
      }
    }
  }
}
