import { useRouter } from 'vue-router'
import { useClient } from './useClient.ts'
import { useTask } from './useTask.ts'

/** Removing an imported conversation: when it is gone, its page is left for the list. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types
export function useArchiveRemoval(id: string) {
  const client = useClient()
  const router = useRouter()
  const removing = useTask(async () => {
    await client.deleteArchive(id)
    return true
  })
  return {
    removing,
    remove: async (): Promise<void> => {
      if ((await removing.run()) === true) await router.replace('/')
    }
  }
}
