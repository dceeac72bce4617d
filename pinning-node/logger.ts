import { isDeadDropError } from '#protocol/errors.ts'

export type LogFields = Readonly<Record<string, number | boolean | string | readonly string[]>>

/**
 * One line for each event. Callers pass numbers, codes of ours and addresses of this node; never what a peer sent, who
 * a peer is, or what a log is called: an operator's log must not become the list of who talks to whom.
 */
export interface Logger {
  event(name: string, fields?: LogFields): void
}

export function createLogger(
  components: { readonly writeLine: (line: string) => void },
  init: { readonly format: 'json' | 'text' }
): Logger {
  return {
    event(name, fields = {}) {
      components.writeLine(
        init.format === 'json' ? JSON.stringify({ event: name, ...fields }) : textLine(name, fields)
      )
    }
  }
}

/** What may be said of an error: its kind, our code, and where it arose. Messages of libraries may quote peers. */
export function describeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { name: typeof error }
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return {
    name: error.name,
    ...(isDeadDropError(error) ? { code: error.code, reason: error.message } : {}),
    stack: frames.slice(0, 12).map((line) => line.trim())
  }
}

function textLine(name: string, fields: LogFields): string {
  const parts = Object.entries(fields).map(([key, value]) => {
    const text = Array.isArray(value) ? value.join(' ') : String(value)
    return `${key}=${text}`
  })
  return [name, ...parts].join(' ')
}
