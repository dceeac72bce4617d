import { sealText } from './replica-gate.ts'
import type { TestGate } from './replica-gate.ts'
import { startReplicaPeer } from './replica-peers.ts'

/** What each life of a process or page has to catch up with: a few batches. */
const ENTRIES_PER_LIFE = 200

/** A peer that has more of a log than who is to be killed. */
export interface CrashPeer {
  readonly address: string
  /** Appends what the next life has to catch up with. */
  write(): Promise<void>
}

export async function startCrashPeer(
  gate: TestGate,
  stack: AsyncDisposableStack
): Promise<CrashPeer> {
  const peer = stack.use(await startReplicaPeer())
  const log = await peer.engine.open(gate.manifest, { writer: gate.admitWriter() })
  return {
    address: peer.address,
    async write() {
      for (let count = 0; count < ENTRIES_PER_LIFE; count++)
        await log.append(sealText(`there before ${String(count)} ${'x'.repeat(count % 500)}`))
    }
  }
}
