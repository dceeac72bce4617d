import { onScopeDispose, readonly, shallowRef } from 'vue'
import type { ShallowRef } from 'vue'
import type { ClientSnapshot } from '#client/client.ts'
import { useClient } from './useClient.ts'

/** The client's latest snapshot. */
export function useSnapshot(): Readonly<ShallowRef<ClientSnapshot>> {
  const client = useClient()
  const snapshot = shallowRef(client.snapshot())
  const disposed = new AbortController()
  client.addEventListener(
    'change',
    () => {
      snapshot.value = client.snapshot()
    },
    { signal: disposed.signal }
  )
  onScopeDispose(() => {
    disposed.abort()
  })
  return readonly(snapshot)
}
