/** A peer in a process of its own; {@link spawnPeer} starts it and speaks to it over IPC. */
import process from 'node:process'
import { createBenchPeer } from './bench-peer.ts'
import { callPeer } from './peer.ts'
import type { BenchPeer, Contender, ContenderName } from './peer.ts'

export interface PeerProcessInit {
  readonly contender: ContenderName
  readonly directory: string
  /** Whether others dial this peer. */
  readonly isListening: boolean
}

export interface PeerCall {
  readonly id: number
  readonly method: keyof BenchPeer | 'stop'
  readonly args: readonly unknown[]
}

/** The first answer, with id 0, says that the peer has started. */
export interface PeerAnswer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** Only the code of one contender is loaded, since its memory may be measured. */
async function start(init: PeerProcessInit): Promise<Contender> {
  switch (init.contender) {
    case 'deaddrop':
      return (await import('./deaddrop/contender.node.ts')).startDeadDrop(init)
    case 'stock':
      return (await import('./rivals/stock-orbitdb.node.ts')).startStockNode(init)
  }
}

function answer(message: PeerAnswer): void {
  // The parent may be gone, then nobody waits.
  if (process.connected) process.send?.(message)
}

async function attempt(id: number, work: () => Promise<unknown>): Promise<void> {
  try {
    answer({ id, value: await work() })
  } catch (error) {
    answer({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

// Nothing here outlives the bench, whatever ends it.
process.once('disconnect', () => process.exit())

const init = JSON.parse(process.argv[2] ?? '') as PeerProcessInit
await attempt(0, async () => {
  const contender = await start(init)
  const peer = createBenchPeer(contender)
  process.on('message', ({ id, method, args }: PeerCall) => {
    void attempt(id, () => (method === 'stop' ? contender.stop() : callPeer(peer, method, args)))
  })
})
