import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTcpLink } from '../../bench/tcp-link.ts'

let echo: Server
let address: string

beforeEach(async () => {
  echo = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo // a TCP server that listens
  address = `/ip4/127.0.0.1/tcp/${port}/ws/p2p/peer`
})

afterEach(() => {
  echo.close()
})

function dial(through: string | undefined): Socket {
  const port = Number(through?.split('/')[4])
  return connect({ host: '127.0.0.1', port, noDelay: true }).on('error', () => undefined)
}

async function readBytes(socket: Socket, count: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let got = 0
  for await (const chunk of socket) {
    if (!Buffer.isBuffer(chunk)) throw new Error('socket gave text')
    chunks.push(chunk)
    got += chunk.byteLength
    if (got >= count) break
  }
  return Buffer.concat(chunks)
}

describe('a link between two peers', () => {
  it('carries every byte in order, both ways, and counts them', async () => {
    await using link = await openTcpLink([address], { delayMs: 1 })
    const socket = dial(link.addresses[0])
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))
    socket.write(sent)
    expect((await readBytes(socket, sent.byteLength)).equals(sent)).toBe(true)
    expect(link.traffic().bytes).toBe(2 * sent.byteLength)
  })

  it('is as long as it was told, in each direction', async () => {
    await using link = await openTcpLink([address], { delayMs: 50 })
    const socket = dial(link.addresses[0])
    await once(socket, 'connect')
    const startedAt = performance.now()
    socket.write('ping')
    await readBytes(socket, 4)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99)
  })

  it('ends what goes through it when it is cut, and counts from zero when it is mended', async () => {
    await using link = await openTcpLink([address], { delayMs: 0 })
    const socket = dial(link.addresses[0])
    socket.write('ping')
    await once(socket, 'data')
    link.cut()
    await once(socket, 'close')
    const refused = dial(link.addresses[0])
    await once(refused, 'close')
    link.mend()
    expect(link.traffic()).toEqual({ bytes: 0, openedAtMs: null, lastByteAtMs: null })
    const again = dial(link.addresses[0])
    again.write('pong')
    expect(String(await readBytes(again, 4))).toBe('pong')
    expect(link.traffic().bytes).toBe(8)
  })
})
