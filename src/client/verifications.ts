import type { History } from '#history/history.ts'
import { deleteRecord, putRecord } from '#history/record-kind.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Verification } from './client.ts'
import { verificationKind, type VerificationRecord } from './records.ts'

/** Which root keys the user has made sure of. What it promises is on disk when it resolves. */
export interface Verifications {
  /** The newest verification of this root key. */
  of(userId: string): Verification | null
  verify(conversation: string, userId: string, by: Verification['by']): Promise<void>
  /** Takes back every verification of this root key. */
  revoke(userId: string): Promise<void>
}

/** A record that cannot be read counts as none: a contact is never shown as verified for want of bytes. */
export async function createVerifications(components: {
  readonly history: History
  readonly clock: Clock
}): Promise<Verifications> {
  const { history, clock } = components
  /** By the conversation in which it was done. */
  const records = new Map<string, VerificationRecord>(
    (await history.records(verificationKind)).items
  )

  return {
    of(userId) {
      let newest: Verification | null = null
      for (const { userId: verified, verifiedAtMs, by } of records.values()) {
        if (verified === userId && verifiedAtMs >= (newest?.verifiedAtMs ?? 0))
          newest = { verifiedAtMs, by }
      }
      return newest
    },

    async verify(conversation, userId, by) {
      const record: VerificationRecord = { userId, verifiedAtMs: clock.now(), by }
      await history.commit(
        { records: [putRecord(verificationKind, conversation, record)] },
        { isDurable: true }
      )
      records.set(conversation, record)
    },

    async revoke(userId) {
      const taken = [...records].filter(([, record]) => record.userId === userId)
      await history.commit(
        { records: taken.map(([conversation]) => deleteRecord(verificationKind, conversation)) },
        { isDurable: true }
      )
      for (const [conversation] of taken) records.delete(conversation)
    }
  }
}
