import { sealText } from './replica-gate.ts'
import type { TestGate } from './replica-gate.ts'
import { startReplicaPeer } from './replica-peers.ts'

/** What each life of a process or page has to catch up with, large enough for several batches. */
const ENTRIES_PER_LIFE = 200
const MAX_TEXT_LENGTH = 6_000
const MAX_LINES_OF_APPENDING = 300

/** A peer that has more of a log than who is to be killed. */
export interface CrashPeer {
  readonly address: string
  /** Appends what the next life has to catch up with. */
  write(): Promise<void>
}

/**
 * When a victim dies, in lines that it has said: some before anything was stored, most while they append or while batches come
 * in.
 *
 * @param random - gives numbers in [0, 1).
 */
export function chooseLines(during: 'append' | 'catch-up', random: () => number): number {
  return during === 'append'
    ? Math.floor(random() ** 2 * MAX_LINES_OF_APPENDING)
    : Math.floor(random() * ENTRIES_PER_LIFE)
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
        await log.append(sealText('x'.repeat(1 + ((count * 397) % MAX_TEXT_LENGTH))))
    }
  }
}
