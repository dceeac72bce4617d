import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize, resolve, sep } from 'node:path'

const MIME_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2'
}

/** What the web app reads from the `config.json` beside it. */
export interface AppConfig {
  /** Multiaddrs of pinning nodes. */
  readonly nodes: readonly string[]
  readonly iceServers: readonly { readonly urls: string | readonly string[] }[]
}

export interface ServedApp extends AsyncDisposable {
  /** With a trailing slash: `http://127.0.0.1:N/`. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Serves the built app as the plainest of hosts would: files, MIME types, no other header.
 *
 * @param init.config - answers `config.json` in place of the built file.
 * @param init.directory - a folder that `vite build` wrote; in browser tests `inject('appDirectory')`.
 * @param init.port - @default 0, any free port. A fixed one keeps an origin (and its storage) across two servers.
 */
export async function serveApp(init: {
  readonly config: AppConfig
  readonly directory: string
  readonly port?: number
}): Promise<ServedApp> {
  const root = resolve(init.directory)
  const server = createServer((request, response) => {
    void (async () => {
      const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
      if (path === '/config.json') {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(init.config))
        return
      }
      const file = join(root, normalize(path.endsWith('/') ? `${path}index.html` : path))
      if (!file.startsWith(root + sep) || !(await stat(file)).isFile()) throw new Error('no file')
      response.setHeader('content-type', MIME_TYPES[extname(file)] ?? 'application/octet-stream')
      createReadStream(file).pipe(response)
    })().catch(() => response.writeHead(404).end())
  })
  await new Promise<void>((done, failed) => {
    server.once('error', failed).listen(init.port ?? 0, '127.0.0.1', () => done())
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('server has no TCP port')

  async function close(): Promise<void> {
    if (!server.listening) return
    const closed = new Promise<void>((done) => server.close(() => done()))
    server.closeAllConnections()
    await closed
  }

  return { url: `http://127.0.0.1:${address.port}/`, close, [Symbol.asyncDispose]: close }
}
