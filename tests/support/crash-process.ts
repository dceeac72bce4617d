import { once } from 'node:events'
import { flushCompileCache } from 'node:module'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { readCrashOrder } from './crash-order.ts'
import type { CrashOrder } from './crash-order.ts'
import { sealText } from './replica-gate.ts'

/**
 * A process to be killed: appends to a log for ever, and catches up with a peer meanwhile if it is told of one. Arguments:
 * a {@link CrashOrder} as JSON, the folder of the store, the address of the peer. Touches the store as soon as something
 * comes in on stdin. Each line on stdout is an arrival and a hash that the application was told.
 */
const [, , json = '', directory = '', peerAddress] = process.argv
const { manifest, writer } = readCrashOrder(JSON.parse(json) as CrashOrder)
// Loading the network takes most of the life of a process that needs none.
const network = peerAddress === undefined ? undefined : await import('./replica-peers.ts')
// Node writes its cache when a process ends, which none of these does.
flushCompileCache()
await once(process.stdin, 'data')
const store = await openLevelStore({ directory })
const log = await openLog()
log.addEventListener('entries', ({ detail }) => {
  for (const { arrival, hash } of detail) process.stdout.write(`${String(arrival)} ${hash}\n`)
})
process.stdout.write('open\n')
for (let count = 0; ; count++) {
  await log.append(sealText(`${String(count)} ${'x'.repeat((count * 37) % 700)}`))
  // Batches from the peer are to come between the appends, not after them.
  if (peerAddress !== undefined) await new Promise((resolve) => setImmediate(resolve))
}

async function openLog(): Promise<SealedLog> {
  if (network !== undefined && peerAddress !== undefined) {
    const peer = await network.startReplicaPeer({ store, isClient: true, nodes: [peerAddress] })
    return peer.engine.open(manifest, { writer })
  }
  const opened = await openOrbitLog(
    {
      store,
      verifier: createSignatureVerifier(),
      publishEntry: () => undefined,
      publishLive: async () => undefined,
      onClosed: () => undefined
    },
    manifest
  )
  opened.grant({ writer })
  return opened
}
