import type { ErrorCode } from './client-types.ts'
import { en } from './i18n/en.ts'

/** The stable code of whatever a client method rejected with; what has none of ours is `internal`. */
export function errorCodeOf(error: unknown): ErrorCode {
  if (error instanceof Error && 'code' in error && isErrorCode(error.code)) return error.code
  return 'internal'
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(en.error, code)
}
