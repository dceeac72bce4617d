import type { ErrorCode } from '../client-types.ts'
import { errorCodeOf } from '../error-code.ts'
import { useAppContext } from './useClient.ts'
import { useTask } from './useTask.ts'

/** Making invites and beginning to accept them. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types
export function useInvite() {
  const { client, baseUrl } = useAppContext()
  const creation = useTask(async (options: { readonly isFresh: boolean }) =>
    client.createInvite(options)
  )
  const acceptance = useTask(async (link: string) => client.acceptInvite(link.trim()))
  const cancellation = useTask(async (id: string) => {
    await client.cancelAcceptance(id)
    return true
  })

  /** The link that the address bar stands for. */
  function linkOf(payload: string): string {
    return new URL(`#/invite/${payload}`, baseUrl).href
  }

  /** Why a link cannot be accepted, as far as this device can tell alone. */
  function problemOf(link: string): ErrorCode | null {
    try {
      client.inspectInvite(link)
      return null
    } catch (error) {
      const code = errorCodeOf(error)
      return code === 'identity-missing' ? null : code
    }
  }

  return { creation, acceptance, cancellation, linkOf, problemOf }
}
