import { sealText } from './replica-gate.ts'
import type { TestGate } from './replica-gate.ts'
import { startReplicaPeer } from './replica-peers.ts'

/** What each life of a process or page has to catch up with, large enough for several batches. */
const ENTRIES_PER_LIFE = 200
const MAX_TEXT_LENGTH = 6_000

/** A peer that has more of a log than who is to be killed. */
export interface CrashPeer {
  readonly address: string
  /** Appends what the next life has to catch up with. */
  write(): Promise<void>
}

/** When a victim dies. */
export interface Death {
  /** How many lines it must have said. */
  readonly lines: number
  /** How long it lives on then. */
  readonly delayMs: number
}

/**
 * Some die before they have stored anything, most in the middle of their writing: of a batch while they catch up, the first of
 * which is small and the next one takes long.
 *
 * @param random - gives numbers in [0, 1).
 */
export function chooseDeath(during: 'append' | 'catch-up', random: () => number): Death {
  return during === 'append'
    ? { lines: Math.floor(random() ** 2 * 300), delayMs: random() * 8 }
    : { lines: Math.floor(random() * 40), delayMs: random() * 200 }
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
