import type { ConversationRecord } from './records.ts'
import type { Session } from '#sealing/session.ts'

/** A conversation that begins here: already on disk when it is handed over. */
export interface Adopted {
  readonly id: string
  readonly session: Session
  readonly record: ConversationRecord
}
