import { access, glob, readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Device } from '#client/device.ts'
import { createMethods } from '#headless/methods.ts'
import { ERROR_CODES } from '#protocol/errors.ts'
import * as limits from '#protocol/limits.ts'
import { PIN_REFUSALS } from '#protocol/pin-messages.ts'
import { SIGNATURE_CONTEXT } from '#protocol/protocol-ids.ts'

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

  it('every method of the headless client is in docs/headless.md, and no other', async () => {
    const timeout = (): AbortSignal => AbortSignal.abort()
    const device = { addEventListener: () => undefined } as Partial<Device> as Device // asked for names only
    const methods = createMethods(device, { timeout })
    const text = await readFile(resolve(ROOT, 'docs/headless.md'), 'utf8')
    const rows = text.matchAll(
      /^\| `((?:archive|identity|invite|conversation|message|network|device)\.[a-z]+)` \|/gm
    )
    const named = Array.from(rows, ([, name = '']) => name)
    expect(named.sort()).toEqual([...methods.keys()].sort())
  })

  it('every error code in docs/headless.md is one', async () => {
    const text = await readFile(resolve(ROOT, 'docs/headless.md'), 'utf8')
    const family =
      /`((?:archive|invite|identity|name|text|storage|request|conversation|method|passphrase)-[a-z-]+)`/g
    const named = new Set(Array.from(text.matchAll(family), ([, code = '']) => code))
    expect([...named].filter((code) => !(ERROR_CODES as readonly string[]).includes(code))).toEqual(
      []
    )
  })

  it('docs/protocol.md names every signature context and every refusal of a pin', async () => {
    const text = await readFile(resolve(ROOT, 'docs/protocol.md'), 'utf8')
    const names = [...Object.values(SIGNATURE_CONTEXT), ...PIN_REFUSALS]
    expect(names.filter((name) => !text.includes(name))).toEqual([])
  })

  it('every source file that a document names is there', async () => {
    const missing: string[] = []
    for await (const document of glob(['*.md', 'docs/*.md'], { cwd: ROOT })) {
      const text = await readFile(resolve(ROOT, document), 'utf8')
      for (const [, path = ''] of text.matchAll(
        /`((?:[\w@-]+\/)+[\w.-]+\.(?:ts|vue|cjs|mjs|json))`/g
      )) {
        const places = [resolve(ROOT, path), resolve(ROOT, 'src', path)]
        await Promise.any(places.map((place) => access(place))).catch(() =>
          missing.push(`${document}: ${path}`)
        )
      }
    }
    expect(missing).toEqual([])
  })

  it('every name in docs/glossary.md is one of the code', async () => {
    const text = await readFile(resolve(ROOT, 'docs/glossary.md'), 'utf8')
    const cells = Array.from(text.matchAll(/^\| \*\*.*\| (.*) \|$/gm), ([, cell = '']) => cell)
    const names = cells.flatMap((cell) => cell.match(/[A-Za-z]{3,}(?=[`.(])/g) ?? [])
    const sources: string[] = []
    for await (const file of glob(['src/**/*.ts', 'pinning-node/*.ts'], { cwd: ROOT })) {
      sources.push(await readFile(resolve(ROOT, file), 'utf8'))
    }
    const code = new Set(sources.flatMap((source) => source.match(/\w+/g) ?? []))
    expect(names.filter((name) => !code.has(name))).toEqual([])
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
