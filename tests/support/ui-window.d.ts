import type axe from 'axe-core'
import type { FakeClient } from './ui-fake-client.ts'

declare global {
  interface Window {
    /** What the network would do; present in the scenes that have a client. */
    preview: FakeClient | undefined
    /** What the screens outside the app reported. */
    previewCalls: string[]
    axe: typeof axe
  }
}
