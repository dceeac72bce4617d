import { onScopeDispose, readonly, ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import type { ConversationView, MessageView } from '#client/client.ts'
import type { ErrorCode } from '../client-types.ts'
import { errorCodeOf } from '../error-code.ts'
import { useClient } from './useClient.ts'

/** One open conversation. */
export interface OpenConversation {
  /** `null` until the conversation is open. Oldest first. */
  readonly messages: Readonly<ShallowRef<readonly MessageView[] | null>>
  readonly hasOlder: Readonly<Ref<boolean>>
  readonly isLoadingOlder: Readonly<Ref<boolean>>
  readonly firstUnread: Readonly<Ref<string | null>>
  readonly error: Readonly<Ref<ErrorCode | null>>
  readonly loadOlder: () => Promise<void>
  readonly markRead: () => Promise<void>
  /** @throws {DeadDropError} as the client; the text was not sent then. */
  readonly send: (text: string) => Promise<void>
}

/** Opens a conversation for as long as the calling component lives. */
export function useConversation(id: string): OpenConversation {
  const client = useClient()
  const messages = shallowRef<readonly MessageView[] | null>(null)
  const hasOlder = ref(false)
  const isLoadingOlder = ref(false)
  const firstUnread = ref<string | null>(null)
  const error = ref<ErrorCode | null>(null)
  const disposed = new AbortController()
  let view: ConversationView | null = null

  function refresh(opened: ConversationView): void {
    messages.value = opened.messages()
    hasOlder.value = opened.hasOlder()
  }

  async function open(): Promise<void> {
    try {
      const opened = await client.openConversation(id)
      if (disposed.signal.aborted) {
        opened.close()
        return
      }
      view = opened
      firstUnread.value = opened.firstUnread
      opened.addEventListener(
        'change',
        () => {
          refresh(opened)
        },
        { signal: disposed.signal }
      )
      refresh(opened)
    } catch (cause) {
      error.value = errorCodeOf(cause)
    }
  }

  void open()
  onScopeDispose(() => {
    disposed.abort()
    view?.close()
  })

  return {
    messages: readonly(messages),
    hasOlder: readonly(hasOlder),
    isLoadingOlder: readonly(isLoadingOlder),
    firstUnread: readonly(firstUnread),
    error: readonly(error),
    async loadOlder() {
      if (view === null || isLoadingOlder.value || !view.hasOlder()) return
      isLoadingOlder.value = true
      try {
        await view.loadOlder()
        if (!disposed.signal.aborted) refresh(view)
      } catch (cause) {
        error.value = errorCodeOf(cause)
      } finally {
        isLoadingOlder.value = false
      }
    },
    async markRead() {
      // A read mark that fails is made again by the next one; there is nothing for the user to do.
      await view?.markRead().catch(() => undefined)
    },
    async send(text) {
      await client.sendMessage(id, text)
    }
  }
}
