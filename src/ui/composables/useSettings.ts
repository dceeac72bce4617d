import { useClient } from './useClient.ts'
import { useTask } from './useTask.ts'
import type { Settings } from '#client/client.ts'

/** Changing settings and nodes. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types
export function useSettings() {
  const client = useClient()
  const change = useTask(async (patch: Partial<Settings>) => client.updateSettings(patch))
  const adding = useTask(async (multiaddr: string) => {
    await client.addNode(multiaddr.trim())
    return true
  })
  const removing = useTask(async (multiaddr: string) => client.removeNode(multiaddr))
  return {
    change,
    adding,
    removing,
    retry(): void {
      client.wake()
    }
  }
}
