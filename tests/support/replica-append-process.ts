import { openLevelStore } from '#replica/storage/level-store.node.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createClientPlatform } from '#replica/network/libp2p-options.node.ts'
import { createTestGate, sealText } from './replica-gate.ts'

/**
 * A process to be killed: appends to a log in the folder of its first argument for ever. The first line on stdout is the
 * manifest, each further one the hash of an entry whose append resolved.
 */
const [, , directory] = process.argv
if (directory === undefined) throw new Error('usage: replica-append-process DIRECTORY')
const gate = createTestGate()
const store = await openLevelStore({ directory })
const replica = await createNodeReplica({ store }, { platform: createClientPlatform({}) })
const log = await replica.open(gate.manifest, { writer: gate.admitWriter() })
process.stdout.write(`${JSON.stringify(gate.manifest)}\n`)
for (let count = 0; ; count++) {
  const { hash } = await log.append(sealText(`entry ${String(count)}`))
  process.stdout.write(`${hash}\n`)
}
