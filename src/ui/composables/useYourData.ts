import { onScopeDispose, readonly, shallowRef } from 'vue'
import type { ShallowRef } from 'vue'
import type { ArchiveReading, ParsedArchive } from '#messaging/archive/archive.ts'
import { MAX_ARCHIVE_CHARACTERS } from '#protocol/limits.ts'
import type { ErrorCode } from '../client-types.ts'
import { errorCodeOf } from '../error-code.ts'
import { useClient } from './useClient.ts'

type Refusal = Extract<ArchiveReading, { readonly kind: 'refused' }>

/** Where an import stands. */
export type ImportState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'reading' | 'storing'; readonly done: number; readonly total: number }
  | { readonly kind: 'read'; readonly archive: ParsedArchive }
  | {
      readonly kind: 'done'
      readonly archive: ParsedArchive
      readonly conversations: readonly string[]
    }
  | Refusal

/** Where an export stands; `messages` written so far. */
export type ExportState =
  | { readonly kind: 'idle' | 'done' }
  | { readonly kind: 'writing'; readonly messages: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode }

/**
 * Taking one's data out and in. Leaving the page stops reading and writing of files; what is being stored goes on, and appears
 * in the list when all of it is there.
 */
export function useYourData(): {
  readonly importing: Readonly<ShallowRef<ImportState>>
  readonly exporting: Readonly<ShallowRef<ExportState>>
  readonly saveExport: (fileName: string) => Promise<void>
  readonly readFile: (file: File) => Promise<void>
  readonly store: (self: string | null) => Promise<void>
  readonly cancel: () => void
} {
  const client = useClient()
  const importing = shallowRef<ImportState>({ kind: 'idle' })
  const exporting = shallowRef<ExportState>({ kind: 'idle' })
  const disposed = new AbortController()
  let running = new AbortController()
  onScopeDispose(() => {
    disposed.abort()
    if (importing.value.kind !== 'storing') running.abort()
  })

  /** Runs a step of the import; `cancel` makes whatever it still says meaningless. */
  async function step(
    kind: 'reading' | 'storing',
    action: (
      signal: AbortSignal,
      onProgress: (done: number, total: number) => void
    ) => Promise<ImportState>
  ): Promise<void> {
    running.abort()
    const own = new AbortController()
    running = own
    importing.value = { kind, done: 0, total: 1 }
    let next: ImportState
    try {
      next = await action(own.signal, (done, total) => {
        if (!own.signal.aborted) importing.value = { kind, done, total }
      })
    } catch (cause) {
      next = { kind: 'refused', code: errorCodeOf(cause), place: null }
    }
    if (!own.signal.aborted) importing.value = next
  }

  return {
    importing: readonly(importing),
    exporting: readonly(exporting),

    async saveExport(fileName) {
      if (exporting.value.kind === 'writing') return
      exporting.value = { kind: 'writing', messages: 0 }
      try {
        const pieces: string[] = []
        const source = client.exportData((messages) => {
          exporting.value = { kind: 'writing', messages }
        })
        for await (const piece of source) {
          if (disposed.signal.aborted) return
          pieces.push(piece)
        }
        download(new Blob(pieces, { type: 'application/json' }), fileName)
        exporting.value = { kind: 'done' }
      } catch (cause) {
        exporting.value = { kind: 'failed', code: errorCodeOf(cause) }
      }
    },

    async readFile(file) {
      await step('reading', async (signal, onProgress) => {
        // A character has one to four bytes: what is more than that cannot be within the bound.
        if (file.size > 4 * MAX_ARCHIVE_CHARACTERS)
          return { kind: 'refused', code: 'archive-too-large', place: null }
        const reading = await client.readArchive(await file.text(), {
          fileName: file.name,
          onProgress,
          signal
        })
        return reading.kind === 'archive' ? { kind: 'read', archive: reading.archive } : reading
      })
    },

    async store(self) {
      const before = importing.value
      if (before.kind !== 'read') return
      const { archive } = before
      await step('storing', async (signal, onProgress) => {
        const conversations = await client.importArchive(archive, {
          ...(self === null ? {} : { self }),
          onProgress,
          signal
        })
        return { kind: 'done', archive, conversations }
      })
    },

    cancel() {
      running.abort()
      importing.value = { kind: 'idle' }
    }
  }
}

function download(content: Blob, fileName: string): void {
  const url = URL.createObjectURL(content)
  const link = document.createElement('a')
  link.href = url
  link.download = fileName
  link.click()
  // The browser has taken the content when the click has been handled.
  setTimeout(() => {
    URL.revokeObjectURL(url)
  }, 60_000)
}
