import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { DeadDropError } from '#protocol/errors.ts'

/** What the node says about itself. Made anew for each request. */
export interface HttpSources {
  isServing(): boolean
  /** JSON value of `GET /api/v1/info`. */
  info(): unknown
  /** Prometheus text of `GET /metrics`. */
  metrics(): string
}

export interface HttpServer {
  /** `http://127.0.0.1:4712`: with the port that was bound. */
  readonly url: string
  /** Answers what has been asked, for a moment, then closes every socket. */
  stop(): Promise<void>
}

const MAX_HEADER_BYTES = 8_192
const MAX_URL_CHARACTERS = 1_024
const MAX_CONNECTIONS = 256
const REQUEST_TIMEOUT_MS = 5_000
const STOP_GRACE_MS = 500

interface Answer {
  readonly status: number
  readonly type: 'application/json' | 'text/plain; version=0.0.4; charset=utf-8'
  readonly body: string
}

/**
 * Serves `/healthz`, `/api/v1/info` and `/metrics`; reads no body and keeps no state. Everything is public and the same
 * for everybody, so any web page may read it (`access-control-allow-origin: *`).
 *
 * @throws {DeadDropError} `internal` when the address cannot be listened on, the reason as its cause.
 */
export async function startHttpServer(
  sources: HttpSources,
  init: { readonly host: string; readonly port: number }
): Promise<HttpServer> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: REQUEST_TIMEOUT_MS
    },
    (request, response) => send(request, response, answer(request, sources))
  )
  server.maxConnections = MAX_CONNECTIONS
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    else socket.destroy()
  })
  await listen(server, init.host, init.port)
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : init.port
  const host = init.host.includes(':') ? `[${init.host}]` : init.host
  return { url: `http://${host}:${port}`, stop: () => close(server) }
}

function answer(request: IncomingMessage, sources: HttpSources): Answer {
  const url = request.url ?? ''
  if (url.length > MAX_URL_CHARACTERS) return failure(414, 'url-too-long')
  const path = url.split('?', 1)[0]
  const get = GETTERS.get(path ?? '')
  if (get === undefined) return failure(404, 'not-found')
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return failure(405, 'method-not-allowed')
  return get(sources)
}

const GETTERS: ReadonlyMap<string, (sources: HttpSources) => Answer> = new Map([
  [
    '/healthz',
    (sources: HttpSources): Answer =>
      sources.isServing() ? json(200, { status: 'ok' }) : json(503, { status: 'stopping' })
  ],
  ['/api/v1/info', (sources: HttpSources): Answer => json(200, sources.info())],
  [
    '/metrics',
    (sources: HttpSources): Answer => ({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: sources.metrics()
    })
  ]
])

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', body: JSON.stringify(value) }
}

function failure(status: number, error: string): Answer {
  return json(status, { error })
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, body }: Answer
): void {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined ||
    Number(request.headers['content-length'] ?? 0) > 0
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'access-control-allow-origin': '*',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    // A body that nobody reads would be taken for the next request.
    ...(hasBody ? { connection: 'close' } : {})
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new DeadDropError('internal', `HTTP cannot listen on port ${port} of ${host}`, { cause })
      )
    })
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS)
    server.close(() => {
      clearTimeout(force)
      resolve()
    })
    server.closeIdleConnections()
  })
}
