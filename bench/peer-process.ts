/** Peers in a process of their own; {@link spawnPeers} starts it and speaks to it over IPC. */
import process from 'node:process'
import { createBenchPeer } from './bench-peer.ts'
import { callPeer } from './peer.ts'
import type { BenchPeer, Contender, ContenderName } from './peer.ts'

export interface PeerProcessInit {
  readonly contender: ContenderName
  /** One for each peer. */
  readonly directories: readonly string[]
  /** Whether others dial these peers. */
  readonly isListening: boolean
  /** Whether a listening peer of ours forwards gossip with the mesh sizes that gossipsub comes with. */
  readonly hasDefaultMesh: boolean
}

export interface PeerCall {
  readonly id: number
  /** Index of the peer that is called; `stop` ends all of them. */
  readonly peer: number
  readonly method: keyof BenchPeer | 'stop'
  readonly args: readonly unknown[]
}

/** The first answer, with id 0, says that all peers have started. */
export interface PeerAnswer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** Only the code of one contender is loaded, since its memory may be measured. */
async function loadContender({
  contender,
  isListening,
  hasDefaultMesh
}: PeerProcessInit): Promise<(directory: string) => Promise<Contender>> {
  switch (contender) {
    case 'deaddrop': {
      const { startDeadDrop } = await import('./deaddrop/contender.node.ts')
      return (directory) => startDeadDrop({ directory, isListening, hasDefaultMesh })
    }
    case 'stock': {
      const { startStockNode } = await import('./rivals/stock-orbitdb.node.ts')
      return (directory) => startStockNode({ directory, isListening })
    }
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
  const start = await loadContender(init)
  const contenders: Contender[] = []
  for (const directory of init.directories) contenders.push(await start(directory))
  const peers = contenders.map(createBenchPeer)
  process.on('message', ({ id, peer: index, method, args }: PeerCall) => {
    void attempt(id, async () => {
      if (method === 'stop') {
        await Promise.all(contenders.map((contender) => contender.stop()))
        return undefined
      }
      const peer = peers[index]
      if (peer === undefined) throw new Error(`process has no peer ${index}`)
      return callPeer(peer, method, args)
    })
  })
})
