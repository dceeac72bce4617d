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
  /** Appends for ever; each line on the console is an arrival and a hash that the application was told. */
  append(): void
}

declare global {
  interface Window {
    crashPage: CrashPage
  }
}

const store = await openIdbStore({ name: 'log-under-fire' })
let log: Awaited<ReturnType<typeof checkAfterCrash>> | undefined

window.crashPage = {
  async isEmpty() {
    const rows = store.entries({ from: '', to: '\uffff', limit: 1 })
    return (await rows[Symbol.asyncIterator]().next()).done === true
  },
  async check(order, acknowledged) {
    const { manifest, writer } = readCrashOrder(order)
    log = await checkAfterCrash(store, manifest, new Map(acknowledged), new Map())
    log.grant({ writer })
    return log.size().entries
  },
  append() {
    void appendForEver()
  }
}

async function appendForEver(): Promise<never> {
  if (log === undefined) throw new Error('nothing was checked')
  for (let count = 0; ; count++) {
    const { arrival, hash } = await log.append(
      sealText(`${String(count)} ${'x'.repeat((count * 37) % 700)}`)
    )
    console.log(`${String(arrival)} ${hash}`)
  }
}
