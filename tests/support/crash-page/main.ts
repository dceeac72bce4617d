import { createBrowserReplica } from '#replica/create-replica.dom.ts'
import { createPeerConnectionBudget } from '#replica/network/peer-connection-budget.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { openIdbStore } from '#replica/storage/idb-store.dom.ts'
import { sealText } from '../replica-gate.ts'
import { checkAfterCrash } from '../crash-checker.ts'
import { readCrashOrder } from '../crash-order.ts'
import type { CrashOrder } from '../crash-order.ts'

/** What a test can do in the page, as `window.crashPage`. */
export interface CrashPage {
  /** Whether the database has nothing at all in it. */
  isEmpty(): Promise<boolean>
  /** Checks what the last page left behind. @returns the number of entries. */
  check(order: CrashOrder, acknowledged: readonly (readonly [number, string])[]): Promise<number>
  /**
   * Appends for ever, and catches up with a peer meanwhile if it is told of one. Each line on the console is an arrival and
   * a hash that the application was told.
   */
  write(order: CrashOrder, peerAddress: string | undefined): void
}

declare global {
  interface Window {
    crashPage: CrashPage
  }
}

const store = await openIdbStore({ name: 'log-under-fire' })
let checkedLog: Awaited<ReturnType<typeof checkAfterCrash>> | undefined

window.crashPage = {
  async isEmpty() {
    const rows = store.entries({ from: '', to: '\uffff', limit: 1 })
    return (await rows[Symbol.asyncIterator]().next()).done === true
  },
  async check(order, acknowledged) {
    const { manifest } = readCrashOrder(order)
    checkedLog = await checkAfterCrash(store, manifest, new Map(acknowledged), new Map())
    return checkedLog.size().entries
  },
  write(order, peerAddress) {
    void writeForEver(order, peerAddress)
  }
}

async function writeForEver(order: CrashOrder, peerAddress: string | undefined): Promise<never> {
  const log = await openLog(order, peerAddress)
  log.addEventListener('entries', ({ detail }) => {
    console.log(detail.map(({ arrival, hash }) => `${String(arrival)} ${hash}`).join('\n'))
  })
  for (let count = 0; ; count++) {
    await log.append(sealText(`${String(count)} ${'x'.repeat((count * 37) % 700)}`))
    // Batches from the peer are to come between the appends, not after them.
    if (peerAddress !== undefined) await new Promise((resolve) => setTimeout(resolve))
  }
}

async function openLog(order: CrashOrder, peerAddress: string | undefined): Promise<SealedLog> {
  if (checkedLog === undefined) throw new Error('nothing was checked')
  const { manifest, writer } = readCrashOrder(order)
  if (peerAddress === undefined) {
    checkedLog.grant({ writer })
    return checkedLog
  }
  await checkedLog.close()
  const replica = await createBrowserReplica(
    { store, budget: createPeerConnectionBudget({}) },
    { allowDirect: false, nodes: [peerAddress] }
  )
  return replica.open(manifest, { writer })
}
