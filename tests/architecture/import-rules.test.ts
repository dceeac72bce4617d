import { createRequire } from 'node:module'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { cruise, type ICruiseResult, type IConfiguration } from 'dependency-cruiser'
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import { describe, expect, it } from 'vitest'
import { withTempDir } from '#tests/support/temp-dir.ts'
import { FOREIGN_PACKAGE, PLANTED_VIOLATIONS, type PlantedViolation } from './planted-violations.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ROOTS = ['src', 'pinning-node', 'vite.config.ts']

const rules = createRequire(import.meta.url)('./dependency-rules.cjs') as IConfiguration

interface Violation {
  readonly rule: string
  readonly from: string
  readonly to: string
}

interface Manifest {
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}

async function violationsIn(baseDir: string, entries: readonly string[]): Promise<Violation[]> {
  const { doNotFollow, tsPreCompilationDeps, enhancedResolveOptions } = rules.options ?? {}
  const { output } = await cruise(
    [...entries],
    {
      baseDir,
      validate: true,
      ruleSet: { forbidden: rules.forbidden ?? [] },
      ...(doNotFollow === undefined ? {} : { doNotFollow }),
      ...(tsPreCompilationDeps === undefined ? {} : { tsPreCompilationDeps })
    },
    enhancedResolveOptions ?? {},
    { tsConfig: extractTSConfig(join(baseDir, 'tsconfig.json')) }
  )
  const { summary } = output as ICruiseResult
  return summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }))
}

/** The files of one plant, with this repository's manifest and an empty package for each dependency that they import. */
async function plant(directory: string, { files }: PlantedViolation): Promise<void> {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest
  manifest.dependencies[FOREIGN_PACKAGE] = '1.0.0'
  const tree: Record<string, string> = {
    'package.json': JSON.stringify(manifest),
    'tsconfig.json': await readFile(join(ROOT, 'tsconfig.json'), 'utf8'),
    ...files
  }
  const sources = Object.values(files).join()
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })) {
    if (!sources.includes(`'${name}'`)) continue
    tree[`node_modules/${name}/package.json`] = JSON.stringify({ name, main: 'index.js' })
    tree[`node_modules/${name}/index.js`] = ''
  }
  for (const [path, text] of Object.entries(tree)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
}

describe('import rules', () => {
  it('the house obeys its import table', async () => {
    expect(await violationsIn(ROOT, ROOTS)).toEqual([])
  })

  it('every rule has a planted violation', () => {
    const named = new Set(rules.forbidden?.map(({ name }) => name))
    expect(new Set(PLANTED_VIOLATIONS.map(({ rule }) => rule))).toEqual(named)
  })

  it.each(PLANTED_VIOLATIONS)('a violation of $rule is caught', async (planted) => {
    await using directory = await withTempDir()
    await plant(directory.path, planted)
    const found = await violationsIn(directory.path, Object.keys(planted.files))
    const ofCulprit = found.filter(({ from }) => from === planted.culprit)
    expect([...new Set(ofCulprit.map(({ rule }) => rule))]).toEqual([planted.rule])
  })
})
