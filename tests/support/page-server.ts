import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build, preview } from 'vite'
import { correctWebrtcInitRace } from '#replica/network/webrtc-init-race.vite.ts'

/** Builds the page in the folder `name` beside this file and serves it on loopback. Disposing ends the server. */
export async function servePage(
  name: 'crash-page' | 'network-page'
): Promise<{ readonly url: string } & AsyncDisposable> {
  const cacheDir = join(import.meta.dirname, '../../.cache', name)
  const outDir = join(cacheDir, `dist-${String(process.pid)}`)
  const shared = {
    configFile: false as const,
    root: join(import.meta.dirname, name),
    cacheDir,
    logLevel: 'error' as const
  }
  await build({
    ...shared,
    plugins: [correctWebrtcInitRace()],
    build: { outDir, emptyOutDir: true, target: 'es2022', minify: false }
  })
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: { host: '127.0.0.1', port: 0 }
  })
  const url = server.resolvedUrls?.local[0]
  if (url === undefined) throw new Error('preview server has no address')
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await rm(outDir, { recursive: true, force: true })
    }
  }
}
