import type { Bench } from './bench.ts'
import { compare, interleave } from './measure.ts'
import { CONTENDERS, PAYLOAD_BYTES, RIVAL_NAME } from './peer.ts'
import { spawnPeer } from './spawn-peer.ts'

const WARM_UP = 200

/** How many entries a lone writer stores in a second, one after the other. */
export const appendBench: Bench = {
  name: 'append',
  async run(context) {
    const count = context.isQuick ? 200 : 1_000
    const rates = await interleave(
      context,
      CONTENDERS,
      async (contender) => {
        await using peer = await spawnPeer(contender, {
          isListening: false,
          signal: context.signal
        })
        await peer.fill(await peer.createLog(), WARM_UP, PAYLOAD_BYTES)
        const { ms } = await peer.fill(await peer.createLog(), count, PAYLOAD_BYTES)
        return (count / ms) * 1_000
      },
      (rate) => `${rate.toFixed(0)} appends/s`
    )
    return [
      compare({
        bench: 'append',
        case: `node-${count}`,
        unit: 'appends/s',
        ours: rates.deaddrop,
        rival: { name: RIVAL_NAME, values: rates.stock }
      })
    ]
  }
}
