import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpServer } from '#pinning-node/http.ts'
import { startHttpServer } from '#pinning-node/http.ts'

let server: HttpServer
let isServing = true

beforeAll(async () => {
  server = await startHttpServer(
    { isServing: () => isServing, info: () => ({ peerId: 'pim' }), metrics: () => 'up 1\n' },
    { host: '127.0.0.1', port: 0 }
  )
})
afterAll(() => server.stop())

/** Sends `text` as it is and returns everything that comes back until the server closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname, () => socket.write(text))
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
    socket.on('close', () => resolve(answer)).on('error', reject)
  })
}

describe('the HTTP door of the node', () => {
  it('says that it is well', async () => {
    const response = await fetch(`${server.url}/healthz`)
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }])
  })

  it('says 503 while stopping', async () => {
    isServing = false
    const response = await fetch(`${server.url}/healthz`)
    isServing = true
    expect([response.status, await response.json()]).toEqual([503, { status: 'stopping' }])
  })

  it('tells any web page about the node', async () => {
    const response = await fetch(`${server.url}/api/v1/info?fresh`)
    expect(await response.json()).toEqual({ peerId: 'pim' })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('content-type')).toBe('application/json')
  })

  it('shows its counts', async () => {
    expect(await (await fetch(`${server.url}/metrics`)).text()).toBe('up 1\n')
  })

  it('answers HEAD with the headers of GET and no body', async () => {
    const response = await fetch(`${server.url}/api/v1/info`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('16')
    expect(await response.text()).toBe('')
  })

  it.each([
    ['GET', '/', 404, 'not-found'],
    ['GET', '/api/v1/info/', 404, 'not-found'],
    ['GET', '/../healthz/x', 404, 'not-found'],
    ['POST', '/healthz', 405, 'method-not-allowed'],
    ['DELETE', '/api/v1/info', 405, 'method-not-allowed'],
    ['GET', `/${'x'.repeat(2_000)}`, 414, 'url-too-long']
  ])('%s %.20s is %i', async (method, path, status, error) => {
    const response = await fetch(server.url + path, { method })
    expect([response.status, await response.json()]).toEqual([status, { error }])
  })

  it('reads no body', async () => {
    const response = await fetch(`${server.url}/healthz`, {
      method: 'POST',
      body: 'x'.repeat(10_000)
    })
    expect(response.status).toBe(405)
    expect(response.headers.get('connection')).toBe('close')
  })

  it.each([
    ['headers of 20 kB', `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['no HTTP', '\u0000\u0001\u0002\r\n\r\n']
  ])('closes on %s and goes on serving', async (_, text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1\.1 4/)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  it('refuses a port that is taken', async () => {
    const port = Number(new URL(server.url).port)
    await expect(
      startHttpServer(
        { isServing: () => true, info: () => null, metrics: () => '' },
        { host: '127.0.0.1', port }
      )
    ).rejects.toThrow(`HTTP cannot listen on port ${port} of 127.0.0.1`)
  })
})
