import { createBenchPeer } from '../bench-peer.ts'
import { startDeadDrop } from '../deaddrop/contender.dom.ts'
import { callPeer } from '../peer.ts'
import type { BenchPeer, ContenderName } from '../peer.ts'
import { startStockPage } from '../rivals/stock-orbitdb.dom.ts'

/** What a bench can do in this page, as `window.benchPage`. */
export interface BenchPage {
  start(init: { readonly contender: ContenderName; readonly relay: string }): Promise<void>
  call(method: keyof BenchPeer, args: readonly unknown[]): Promise<unknown>
}

declare global {
  interface Window {
    benchPage: BenchPage
  }
}

let peer: BenchPeer | null = null

window.benchPage = {
  async start({ contender, relay }) {
    peer = createBenchPeer(
      contender === 'deaddrop'
        ? await startDeadDrop({ nodes: [relay] })
        : await startStockPage({ relay })
    )
  },
  async call(method, args) {
    if (peer === null) throw new Error('peer is not started')
    return callPeer(peer, method, args)
  }
}
