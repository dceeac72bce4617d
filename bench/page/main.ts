import { createBenchPeer } from '../bench-peer.ts'
import { startDeadDrop } from '../deaddrop/contender.dom.ts'
import { callPeer } from '../peer.ts'
import type { BenchPeer, ContenderName } from '../peer.ts'
import { startStockPage } from '../rivals/stock-orbitdb.dom.ts'

/** What a bench can do in this page, as `window.benchPage`. */
export interface BenchPage {
  start(init: { readonly contender: ContenderName; readonly relay: string }): Promise<void>
  call(method: keyof BenchPeer, args: readonly unknown[]): Promise<unknown>
  /** Longest task of the main thread since the last call, ms; 0 where none took 50 ms, since only those are told. */
  takeLongestTask(): Promise<number>
}

declare global {
  interface Window {
    benchPage: BenchPage
  }
}

const SETTLE_MS = 100

let peer: BenchPeer | null = null
let longestTaskMs = 0

function note(entries: PerformanceEntryList): void {
  for (const { duration } of entries) longestTaskMs = Math.max(longestTaskMs, duration)
}

const observer = new PerformanceObserver((list) => {
  note(list.getEntries())
})
observer.observe({ type: 'longtask' })

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
  },
  async takeLongestTask() {
    // A task is told of after its end, with the next frame at the latest.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    note(observer.takeRecords())
    const taken = longestTaskMs
    longestTaskMs = 0
    return taken
  }
}
