import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Applies corrections to an installed package, in place. Runs after every install; running twice changes nothing.
 *
 * A production install of the pinning node has no such package: then there is nothing to correct.
 *
 * @param {{ name: string, version: string, edits: readonly { correction: string, file: string, find: string, replace: string }[] }} patch
 * @param {string} modules - a `node_modules` folder.
 * @returns {'absent' | 'applied' | 'unchanged'}
 * @throws {Error} when the package has another version, or a source line is not where it was: nothing is written then.
 */
export function applyPatch(patch, modules) {
  const folder = join(modules, patch.name)
  if (!existsSync(folder)) return 'absent'
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (version !== patch.version) {
    throw new Error(`${patch.name} is ${version}, the corrections are for ${patch.version}`)
  }
  const sources = new Map()
  let changes = 0
  for (const { correction, file, find, replace } of patch.edits) {
    const source = sources.get(file) ?? readFileSync(join(folder, file), 'utf8')
    if (count(source, find) === 1 && !source.includes(replace)) {
      sources.set(
        file,
        source.replace(find, () => replace)
      )
      changes++
    } else if (count(source, replace) !== 1 || count(source.replace(replace, ''), find) !== 0) {
      throw new Error(`${patch.name} ${correction}: ${file} is not the source that was corrected`)
    }
  }
  for (const [file, source] of sources) writeFileSync(join(folder, file), source)
  return changes === 0 ? 'unchanged' : 'applied'
}

function count(text, part) {
  return text.split(part).length - 1
}
