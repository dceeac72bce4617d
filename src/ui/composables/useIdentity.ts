import { useClient } from './useClient.ts'
import { useTask } from './useTask.ts'

/** Creating this user's identity, once. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types
export function useIdentity() {
  const client = useClient()
  const creation = useTask(async (name: string) => client.createIdentity(name))
  const naming = useTask(async (name: string) => {
    await client.setName(name)
    return true
  })
  return { creation, naming }
}
