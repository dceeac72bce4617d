import type { Bench } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'

const WARM_UP = 50

/** How fast a newcomer gets a log that it knows nothing of, from the one peer that holds it. */
export const catchupBench: Bench = {
  name: 'catchup',
  async run(context) {
    const { signal } = context
    const count = context.isQuick ? 200 : 1_000
    const rates = await interleave(
      context,
      CONTENDERS,
      async (contender) => {
        await using holder = await spawnPeer(contender, { isListening: true, signal })
        const token = await holder.createLog()
        const { head } = await holder.fill(token, count, PAYLOAD_BYTES)
        const warmUp = await holder.createLog()
        const warm = await holder.fill(warmUp, WARM_UP, PAYLOAD_BYTES)
        await using newcomer = await spawnPeer(contender, { isListening: false, signal })
        await newcomer.dial(await holder.addresses())
        // What is measured begins between two peers that know each other.
        await newcomer.catchUp(warmUp, warm.head, WARM_UP)
        return (count / (await newcomer.catchUp(token, head, count))) * 1_000
      },
      (rate) => `${rate.toFixed(0)} entries/s`
    )
    return [
      compare({
        bench: 'catchup',
        case: `${count}-loopback`,
        unit: 'entries/s',
        ours: rates.deaddrop,
        rival: { name: RIVAL_NAME, values: rates.stock }
      })
    ]
  }
}
