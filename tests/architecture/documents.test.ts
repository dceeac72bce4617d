import { access, glob, readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as limits from '#protocol/limits.ts'

const ROOT = resolve(import.meta.dirname, '../..')

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** First cell to second cell of every table row whose first cell is `code`. */
async function rowsOf(document: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(resolve(ROOT, document), 'utf8')
  const rows = text.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)
  return new Map(Array.from(rows, ([, name = '', value = '']) => [name, value.trim()]))
}

describe('documents agree with the code', () => {
  it('every limit is in docs/limits.md with its value', async () => {
    const documented = await rowsOf('docs/limits.md')
    const values = Array.from(documented, ([name, text]) => [
      name,
      Number(text.split(' ')[0]?.replaceAll(',', ''))
    ])
    expect(Object.fromEntries(values)).toEqual({ ...limits })
  })

  it('every package is in docs/dependencies.md with its version', async () => {
    const text = await readFile(resolve(ROOT, 'package.json'), 'utf8')
    const { dependencies, devDependencies } = JSON.parse(text) as Manifest
    const documented = await rowsOf('docs/dependencies.md')
    expect(Object.fromEntries(documented)).toEqual({ ...dependencies, ...devDependencies })
  })

  it('every relative link leads to a file', async () => {
    const broken: string[] = []
    for await (const document of glob(['*.md', 'docs/**/*.md'], { cwd: ROOT })) {
      const text = await readFile(resolve(ROOT, document), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
        const path = resolve(ROOT, dirname(document), target)
        await access(path).catch(() => broken.push(`${document}: ${target}`))
      }
    }
    expect(broken).toEqual([])
  })
})
