/**
 * Stable codes of everything that DeadDrop refuses. The user interface maps them to sentences in the reader's
 * language, the headless client puts them into `error.data.code`. A code is never renamed; new ones may be added.
 */
export const ERROR_CODES = [
  'invite-malformed',
  'invite-unsupported-version',
  'invite-expired',
  'invite-own',
  'invite-forged',
  'invite-unreachable',
  'identity-exists',
  'identity-missing',
  'name-empty',
  'name-too-long',
  'text-empty',
  'text-too-long',
  'safety-code-malformed',
  'safety-code-unsupported-version',
  'conversation-unknown',
  'conversation-read-only',
  'message-unknown',
  'node-address-malformed',
  'node-unreachable',
  'node-misbehaved',
  'node-refused',
  'archive-unknown',
  'archive-malformed',
  'archive-too-large',
  'archive-empty',
  'storage-full',
  'storage-denied',
  'storage-corrupt',
  'data-in-use',
  'data-newer',
  'locked',
  'passphrase-missing',
  'passphrase-wrong',
  'passphrase-too-short',
  'passphrase-too-long',
  'page-not-secure',
  'bytes-malformed',
  'bytes-too-large',
  'request-malformed',
  'request-too-large',
  'method-unknown',
  'stopped',
  'internal'
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/**
 * The base of every error that DeadDrop throws on purpose. `message` says subject, expected, got; it never contains a
 * key, a plaintext or a string that a peer supplied.
 */
export class DeadDropError extends Error {
  static readonly errorName: string = 'DeadDropError'
  override readonly name: string = 'DeadDropError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Whether `error` is one of ours, also when two copies of this module are loaded. */
export function isDeadDropError(error: unknown): error is DeadDropError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    (ERROR_CODES as readonly string[]).includes(error.code)
  )
}
