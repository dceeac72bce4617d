import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TempDir extends AsyncDisposable {
  readonly path: string
}

/** A fresh folder, gone with the scope: `await using dir = await withTempDir()`. */
export async function withTempDir(prefix = 'deaddrop-'): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  return {
    path,
    // A browser or a daemon that was killed may still be closing files.
    [Symbol.asyncDispose]: () =>
      rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}
