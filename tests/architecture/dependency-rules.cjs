/**
 * The import table of the house (docs/architecture.md) as rules. A folder may import itself, the folders in `values` at
 * run time, the folders in `types` with `import type` only, and the npm packages in `packages`. Everything else is an
 * error. `tests/architecture/import-rules.test.ts` plants a violation of every rule and expects it to be caught.
 */
const TABLE = {
  protocol: {
    values: [],
    types: [],
    packages: ['@ipld/dag-cbor', 'cborg', 'multiformats', '@noble/curves', '@noble/hashes']
  },
  replica: {
    values: ['protocol'],
    types: [],
    packages: [
      '@orbitdb/core',
      'libp2p',
      '@libp2p/[^/]+',
      'helia',
      '@helia/[^/]+',
      '@multiformats/[^/]+',
      'multiformats',
      '@ipld/dag-cbor',
      'cborg',
      '@noble/curves',
      '@noble/hashes',
      'blockstore-core',
      'datastore-core',
      'interface-blockstore',
      'interface-datastore',
      'it-[^/]+',
      'main-event',
      'classic-level',
      'idb'
    ]
  },
  pinning: { values: ['protocol'], types: ['replica'], packages: [] },
  sealing: {
    values: ['protocol'],
    types: ['messaging'],
    packages: [
      'ts-mls',
      '@hpke/[^/]+',
      '@noble/[^/]+',
      '@scure/bip39',
      'hash-wasm',
      'multiformats',
      '@multiformats/multiaddr'
    ]
  },
  messaging: { values: ['protocol'], types: ['replica', 'pinning'], packages: [] },
  history: { values: ['protocol', 'messaging'], types: ['sealing', 'replica'], packages: [] },
  client: {
    values: ['protocol', 'replica', 'pinning', 'sealing', 'messaging', 'history'],
    types: [],
    packages: ['@multiformats/multiaddr', '@noble/hashes', 'main-event']
  },
  // Error codes and limits are vocabulary, so everybody may know the protocol folder.
  headless: { values: ['protocol', 'client'], types: ['messaging'], packages: [] },
  ui: {
    values: ['protocol'],
    types: ['messaging', 'client'],
    packages: [
      'vue',
      'vite', // types of asset imports
      'vue-router',
      'vue-i18n',
      'reka-ui',
      'virtua',
      'uqr',
      '@vueuse/[^/]+',
      '@fontsource-variable/[^/]+'
    ]
  },
  'pinning-node': {
    values: ['protocol', 'replica'],
    types: [],
    packages: ['@multiformats/multiaddr', 'multiformats', '@noble/hashes']
  }
}

/** One third-party package, one folder that knows it. */
const HOMES = {
  '@orbitdb/core': '^src/replica/orbitdb/',
  'ts-mls': '^src/sealing/mls/',
  'classic-level': '^src/replica/storage/',
  idb: '^src/replica/storage/'
}

const OURS = '^(src|pinning-node)/'
const SIGHTED = '^src/((sealing|messaging|history|client|headless|ui)/|main\\.ts$)'
const VUE = '(^|/)node_modules/(vue|@vue|@vueuse|reka-ui|vue-router|vue-i18n|virtua)/'
const NPM = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg']

const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })
const pathOf = (name) => (name === 'pinning-node' ? 'pinning-node/' : `src/${name}/`)
const folder = (names) => `^(${names.map(pathOf).join('|')})`
const packages = (names) => `(^|node_modules/)(${names.join('|')})(/|$)`

function rulesOfFolder([name, { values, types, packages: allowed }]) {
  const from = { path: folder([name]) }
  return [
    error(
      `${name}-imports-only-what-the-table-allows`,
      'See the import table in docs/architecture.md.',
      from,
      { path: OURS, pathNot: folder([name, ...values, ...types]) }
    ),
    ...(types.length === 0
      ? []
      : [
          error(`${name}-takes-types-only`, 'Implementations arrive by injection.', from, {
            path: folder(types),
            dependencyTypesNot: ['type-only']
          })
        ]),
    error(
      `${name}-uses-only-its-packages`,
      allowed.length === 0 ? 'This folder needs no package.' : `Packages: ${allowed.join(', ')}.`,
      from,
      { dependencyTypes: NPM, ...(allowed.length === 0 ? {} : { pathNot: packages(allowed) }) }
    )
  ]
}

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(TABLE).flatMap(rulesOfFolder),
    ...Object.entries(HOMES).map(([name, home]) =>
      error(
        `one-home-for-${name}`,
        `Only ${home} knows ${name}.`,
        { path: OURS, pathNot: home },
        { path: packages([name]) }
      )
    ),
    error(
      'every-file-has-a-folder-of-the-table',
      'Only main.ts stands beside the folders.',
      { path: '^src/', pathNot: `${folder(Object.keys(TABLE))}|^src/main\\.ts$` },
      {}
    ),
    error(
      'main-only-mounts',
      'main.ts brings the user interface and the client together.',
      { path: '^src/main\\.ts$' },
      { path: OURS, pathNot: folder(['protocol', 'client', 'ui']) }
    ),
    error(
      'pinning-node-is-blind',
      'The daemon must be unable to hold plaintext, even transitively.',
      { path: '^pinning-node/' },
      { path: SIGHTED, reachable: true }
    ),
    error(
      'pinning-node-reaches-no-vue',
      'Headless.',
      { path: '^pinning-node/' },
      { path: VUE, reachable: true }
    ),
    error(
      'pinning-node-reaches-no-dom',
      'A .dom.ts file runs in browsers only.',
      { path: '^pinning-node/' },
      { path: '\\.dom\\.ts$', reachable: true }
    ),
    error(
      'daemon-runs-on-dependencies',
      'devDependencies are absent in production.',
      { path: '^pinning-node/|^src/(protocol|replica)/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] }
    ),
    error(
      'web-app-reaches-no-node-file',
      'A .node.ts file runs in Node only.',
      { path: '^src/(main\\.ts$|ui/)' },
      { path: '\\.node\\.ts$', reachable: true }
    ),
    error(
      'node-builtins-only-in-node-files',
      'Name it *.node.ts.',
      { path: '^src/', pathNot: '\\.node\\.ts$' },
      { dependencyTypes: ['core'] }
    ),
    error(
      'vite-config-only-spawns-the-daemon',
      'The build tool imports nothing that it builds.',
      { path: '^vite\\.config\\.ts$' },
      {
        path: OURS,
        pathNot:
          '^(pinning-node/spawn-pinning-node|src/replica/network/webrtc-init-race\\.vite)\\.ts$'
      }
    ),
    error('no-circular', 'A cycle hides who owns what.', {}, { circular: true }),
    error('not-to-unresolvable', 'Missing file or package.', {}, { couldNotResolve: true })
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'module', 'default', 'types'],
      extensions: ['.ts', '.vue', '.js', '.mjs']
    }
  }
}
