/** See `apply.mjs`: plain JavaScript, because it runs after an install under whatever Node is there. */
export interface Patch {
  readonly name: string
  readonly version: string
  readonly edits: readonly {
    readonly correction: string
    readonly file: string
    readonly find: string
    readonly replace: string
  }[]
}

export function applyPatch(patch: Patch, modules: string): 'absent' | 'applied' | 'unchanged'
