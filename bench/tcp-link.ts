import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

/** A way to a peer through this process, which can be long, and which counts. */
export interface TcpLink extends AsyncDisposable {
  /** Under which the peer can be dialled through the link. */
  readonly addresses: readonly string[]
  /** What crossed the link since it was made or last mended, both directions together. */
  traffic(): Traffic
  /** Ends all connections and refuses new ones, until {@link TcpLink.mend}. */
  cut(): void
  /** Lets connections through again, and counts from zero. */
  mend(): void
}

export interface Traffic {
  readonly bytes: number
  /** `performance.now()` of the first connection, `null` before it. */
  readonly openedAtMs: number | null
  /** `performance.now()` of the last byte, `null` before it. */
  readonly lastByteAtMs: number | null
}

const HOST = '127.0.0.1'

/**
 * Opens a link to the first address of a peer that listens on loopback.
 *
 * @param init.delayMs - every chunk leaves this much later than it came, in both directions: latency without a limit of
 *   bandwidth. 0 passes everything on at once.
 */
export async function openTcpLink(
  addresses: readonly string[],
  init: { readonly delayMs: number }
): Promise<TcpLink> {
  const [address] = addresses
  const targetPort = /\/tcp\/(\d+)\//.exec(address ?? '')?.[1]
  if (address === undefined || targetPort === undefined) throw new Error('peer has no TCP address')
  const sockets = new Set<Socket>()
  let isCut = false
  let traffic: Traffic = untouched()

  function keep(socket: Socket): Socket {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  function pump(from: Socket, to: Socket): void {
    const later = createDelay(init.delayMs)
    from.on('data', (chunk) => {
      traffic = {
        ...traffic,
        bytes: traffic.bytes + chunk.byteLength,
        lastByteAtMs: performance.now()
      }
      later(() => to.write(chunk))
    })
    from.on('end', () => {
      later(() => to.end())
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      later(() => to.destroySoon())
    })
  }

  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (isCut) {
      near.destroy()
      return
    }
    traffic = { ...traffic, openedAtMs: traffic.openedAtMs ?? performance.now() }
    const far = connect({ host: HOST, port: Number(targetPort), allowHalfOpen: true })
    pump(keep(near), keep(far))
    pump(far, near)
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, HOST, () => {
      const bound = server.address()
      if (bound === null || typeof bound === 'string') reject(new Error('link has no port'))
      else resolve(bound.port)
    })
  })

  function cut(): void {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    addresses: [address.replace(`/tcp/${targetPort}/`, `/tcp/${port}/`)],
    traffic: () => traffic,
    cut,
    mend() {
      isCut = false
      traffic = untouched()
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        cut()
      })
  }
}

function untouched(): Traffic {
  return { bytes: 0, openedAtMs: null, lastByteAtMs: null }
}

/** @returns runs what it is given `delayMs` later, in the order of the calls. */
function createDelay(delayMs: number): (work: () => void) => void {
  if (delayMs === 0) {
    return (work) => {
      work()
    }
  }
  const queue: { readonly dueAtMs: number; readonly work: () => void }[] = []
  // One timer for all: two that are due in the same millisecond need not fire in order.
  const run = (): void => {
    const [next] = queue
    if (next === undefined) return
    const waitMs = next.dueAtMs - performance.now()
    if (waitMs > 0) {
      setTimeout(run, Math.ceil(waitMs))
      return
    }
    queue.shift()
    next.work()
    run()
  }
  return (work) => {
    queue.push({ dueAtMs: performance.now() + delayMs, work })
    if (queue.length === 1) setTimeout(run, delayMs)
  }
}
