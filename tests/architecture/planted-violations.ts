/** A small tree that breaks one rule of `dependency-rules.cjs`. */
export interface PlantedViolation {
  readonly rule: string
  /** The file that is expected to be reported, for that rule and no other. */
  readonly culprit: string
  /** Path to source. Files that are only imported are listed too. */
  readonly files: Readonly<Record<string, string>>
}

/** A package that the planted tree's `dependencies` name, and no folder may use. */
export const FOREIGN_PACKAGE = 'foreign-package'

const FOLDERS = [
  'protocol',
  'replica',
  'pinning',
  'sealing',
  'messaging',
  'history',
  'client',
  'headless',
  'ui',
  'pinning-node'
]

const LEAF = 'export const leaf = 1\nexport type Leaf = number\n'

function pathOf(folder: string): string {
  return folder === 'pinning-node' ? 'pinning-node/' : `src/${folder}/`
}

function importing(
  rule: string,
  culprit: string,
  target: string,
  source: string
): PlantedViolation {
  return { rule, culprit, files: { [culprit]: source, [target]: LEAF } }
}

/** `from` takes a value out of `to`, which it may not know at all. */
function forbidden(from: string, to: string): PlantedViolation {
  return importing(
    `${from}-imports-only-what-the-table-allows`,
    `${pathOf(from)}planted.ts`,
    `${pathOf(to)}leaf.ts`,
    `export { leaf } from '#${to}/leaf.ts'\n`
  )
}

/** `from` takes a value out of `to`, of which it may know the types. */
function implementation(from: string, to: string): PlantedViolation {
  return importing(
    `${from}-takes-types-only`,
    `src/${from}/planted.ts`,
    `src/${to}/leaf.ts`,
    `import type { Leaf } from '#${to}/leaf.ts'\nimport { leaf } from '#${to}/leaf.ts'\nexport const planted: Leaf = leaf\n`
  )
}

function foreignPackage(rule: string, culprit: string, name: string): PlantedViolation {
  return { rule, culprit, files: { [culprit]: `import '${name}'\n` } }
}

export const PLANTED_VIOLATIONS: readonly PlantedViolation[] = [
  forbidden('protocol', 'replica'),
  forbidden('replica', 'sealing'),
  forbidden('pinning', 'messaging'),
  forbidden('sealing', 'replica'),
  forbidden('messaging', 'sealing'),
  forbidden('history', 'pinning'),
  forbidden('client', 'ui'),
  forbidden('headless', 'sealing'),
  forbidden('ui', 'sealing'),
  forbidden('pinning-node', 'pinning'),

  implementation('pinning', 'replica'),
  implementation('sealing', 'messaging'),
  implementation('messaging', 'replica'),
  implementation('history', 'sealing'),
  implementation('headless', 'messaging'),
  implementation('ui', 'client'),

  ...FOLDERS.map((from) =>
    foreignPackage(`${from}-uses-only-its-packages`, `${pathOf(from)}planted.ts`, FOREIGN_PACKAGE)
  ),

  foreignPackage('one-home-for-@orbitdb/core', 'src/replica/sync/planted.ts', '@orbitdb/core'),
  foreignPackage('one-home-for-ts-mls', 'src/sealing/planted.ts', 'ts-mls'),
  foreignPackage('one-home-for-classic-level', 'src/replica/planted.ts', 'classic-level'),
  foreignPackage('one-home-for-idb', 'src/replica/network/planted.ts', 'idb'),

  importing(
    'every-file-has-a-folder-of-the-table',
    'src/common/planted.ts',
    'src/common/leaf.ts',
    `export { leaf } from './leaf.ts'\n`
  ),
  importing(
    'main-only-mounts',
    'src/main.ts',
    'src/replica/leaf.ts',
    `import '#replica/leaf.ts'\n`
  ),
  {
    rule: 'pinning-node-is-blind',
    culprit: 'pinning-node/planted.ts',
    files: {
      'pinning-node/planted.ts': `import '#replica/detour.ts'\n`,
      'src/replica/detour.ts': `import '#sealing/leaf.ts'\n`,
      'src/sealing/leaf.ts': LEAF
    }
  },
  {
    rule: 'pinning-node-reaches-no-vue',
    culprit: 'pinning-node/planted.ts',
    files: {
      'pinning-node/planted.ts': `import '#replica/detour.ts'\n`,
      'src/replica/detour.ts': `import 'vue'\n`
    }
  },
  {
    rule: 'pinning-node-reaches-no-dom',
    culprit: 'pinning-node/planted.ts',
    files: {
      'pinning-node/planted.ts': `import '#replica/detour.ts'\n`,
      'src/replica/detour.ts': `import './leaf.dom.ts'\n`,
      'src/replica/leaf.dom.ts': LEAF
    }
  },
  foreignPackage('daemon-runs-on-dependencies', 'src/replica/planted.ts', '@libp2p/tcp'),
  {
    rule: 'web-app-reaches-no-node-file',
    culprit: 'src/main.ts',
    files: {
      'src/main.ts': `import '#client/detour.ts'\n`,
      'src/client/detour.ts': `import './leaf.node.ts'\n`,
      'src/client/leaf.node.ts': LEAF
    }
  },
  foreignPackage('node-builtins-only-in-node-files', 'src/client/planted.ts', 'node:fs'),
  importing(
    'vite-config-only-spawns-the-daemon',
    'vite.config.ts',
    'src/client/leaf.ts',
    `import './src/client/leaf.ts'\n`
  ),
  {
    rule: 'no-circular',
    culprit: 'src/protocol/back.ts',
    files: {
      'src/protocol/planted.ts': `import './back.ts'\n`,
      'src/protocol/back.ts': `import './planted.ts'\n`
    }
  },
  {
    rule: 'not-to-unresolvable',
    culprit: 'src/protocol/planted.ts',
    files: { 'src/protocol/planted.ts': `import './nowhere.ts'\n` }
  }
]
