import { inject } from 'vue'
import type { InjectionKey } from 'vue'
import type { DeadDropClient } from '#client/client.ts'

/** What one mounted app works with. */
export interface AppContext {
  readonly client: DeadDropClient
  /** Address of the app without its fragment; invite links begin with it. */
  readonly baseUrl: string
}

export const APP_CONTEXT: InjectionKey<AppContext> = Symbol('app context')

/** @throws {Error} outside a mounted app. */
export function useAppContext(): AppContext {
  const context = inject(APP_CONTEXT)
  if (context === undefined) throw new Error('no app context is provided above this component')
  return context
}

/** The client of this app. For composables only: components get data and emit intents. */
export function useClient(): DeadDropClient {
  return useAppContext().client
}
