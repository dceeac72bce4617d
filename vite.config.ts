import vue from '@vitejs/plugin-vue'
import { createServer } from 'node:net'
import process from 'node:process'
import type { Plugin, PreviewServer, ViteDevServer } from 'vite'
import { defineConfig } from 'vitest/config'
import { correctWebrtcInitRace } from './src/replica/network/webrtc-init-race.vite.ts'

const NODE_WS_PORT = 4711
const NODE_HTTP_PORT = 4712

/** What the app reads beside its `index.html`: see "Hosting the web app" in docs/run-a-node.md. */
interface AppConfig {
  readonly nodes: readonly string[]
  readonly iceServers: readonly RTCIceServer[]
}

/** Puts an empty `config.json` into a build: the app runs on any host, its operator names the nodes there. */
function defaultConfig(): Plugin {
  const config: AppConfig = { nodes: [], iceServers: [] }
  return {
    name: 'deaddrop:default-config',
    apply: 'build',
    generateBundle() {
      const source = `${JSON.stringify(config, null, 2)}\n`
      this.emitFile({ type: 'asset', fileName: 'config.json', source })
    }
  }
}

/**
 * The built page may load its own files, talk to nodes and to nobody else, and run no script that did not come with it.
 * A meta element, because any static host must do; the development server needs inline scripts and does without.
 */
function contentSecurityPolicy(): Plugin {
  const content = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "manifest-src 'self'",
    "connect-src 'self' ws: wss:",
    "base-uri 'none'",
    "form-action 'none'"
  ].join('; ')
  return {
    name: 'deaddrop:content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content },
        injectTo: 'head-prepend'
      }
    ]
  }
}

/** `npm start` and `npm run dev`: a pinning node of one's own, with the app configured for it. */
function localNode(): Plugin {
  async function serve({ httpServer, middlewares }: ViteDevServer | PreviewServer): Promise<void> {
    const { spawnPinningNode } = await import('#pinning-node/spawn-pinning-node.ts')
    const node = await spawnPinningNode({
      dataDir: `${import.meta.dirname}/.data/node`,
      wsPort: await freePort(NODE_WS_PORT),
      httpPort: await freePort(NODE_HTTP_PORT)
    })
    httpServer?.once('close', () => void node.stop())
    const config: AppConfig = { nodes: node.multiaddrs, iceServers: [] }
    middlewares.use('/config.json', (_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(config))
    })
  }
  return { name: 'deaddrop:local-node', configureServer: serve, configurePreviewServer: serve }
}

/** @returns `preferred`, or 0 (any free port) when something listens there already. */
async function freePort(preferred: number): Promise<number> {
  const probe = createServer()
  return new Promise((resolve) => {
    probe.once('error', () => resolve(0))
    probe.listen(preferred, '127.0.0.1', () => probe.close(() => resolve(preferred)))
  })
}

const isTest = process.env['VITEST'] !== undefined

export default defineConfig({
  root: 'src',
  // Relative, so that a build works under any path of any host.
  base: './',
  cacheDir: '../.cache/vite',
  plugins: [
    correctWebrtcInitRace(),
    vue(),
    defaultConfig(),
    contentSecurityPolicy(),
    ...(isTest ? [] : [localNode()])
  ],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: {
      output: {
        // Our code changes with every version; what it stands on may stay in the browser's cache.
        codeSplitting: {
          groups: [
            {
              name: 'interface',
              test: /node_modules\/(@?vue|@intlify|@floating-ui|reka-ui|virtua)/
            },
            { name: 'network', test: /node_modules\/(@?libp2p|@?helia|@orbitdb|@chainsafe)/ }
          ]
        }
      }
    }
  },
  define: {
    // What we do not use of Vue and vue-i18n, so that bundling can leave it out.
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false'
  },
  // Modules: what a worker imports on demand is then left out until it is wanted, as in the page.
  worker: { format: 'es' },
  server: { host: '127.0.0.1', port: 5173 },
  preview: { host: '127.0.0.1', port: 4173 },
  test: {
    root: import.meta.dirname,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: [
            'tests/{unit,properties,scenarios,compliance,architecture,interop,crash,fuzz}/**/*.test.ts'
          ],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          maxWorkers: 2
        }
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          globalSetup: ['tests/support/build-app.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          // After everything else: browsers want the machine for themselves.
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
