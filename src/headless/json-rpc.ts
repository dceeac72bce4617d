import { isDeadDropError, type ErrorCode } from '#protocol/errors.ts'

/** @see https://www.jsonrpc.org/specification */
export type JsonRpcId = string | number | null

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

export type JsonObject = Readonly<Record<string, JsonValue | undefined>>

export interface JsonRpcRequest {
  readonly kind: 'request'
  /** `undefined` for a notification: no answer is sent. */
  readonly id: JsonRpcId | undefined
  readonly method: string
  readonly params: JsonObject
}

export interface JsonRpcFailure {
  readonly kind: 'failure'
  readonly id: JsonRpcId
  readonly error: JsonRpcErrorObject
}

export interface JsonRpcErrorObject {
  readonly code: number
  readonly message: string
  readonly data: { readonly code: ErrorCode }
}

const PARSE_ERROR = -32_700
const INVALID_REQUEST = -32_600
const METHOD_NOT_FOUND = -32_601
const INVALID_PARAMS = -32_602
const INTERNAL_ERROR = -32_603
/** Everything that DeadDrop itself refuses; `data.code` says what. */
const REFUSED = -32_000

/**
 * Reads one line of input. Never throws: what is no request comes back as the answer that it deserves.
 * A batch gives one element per member.
 */
export function parseJsonRpc(line: string): readonly (JsonRpcRequest | JsonRpcFailure)[] {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return [
      failure(
        null,
        PARSE_ERROR,
        'line is not JSON, expected one JSON-RPC 2.0 request',
        'request-malformed'
      )
    ]
  }
  if (!Array.isArray(value)) return [parseOne(value)]
  if (value.length === 0) {
    return [
      failure(
        null,
        INVALID_REQUEST,
        'batch has 0 requests, expected at least 1',
        'request-malformed'
      )
    ]
  }
  return value.map(parseOne)
}

function parseOne(value: unknown): JsonRpcRequest | JsonRpcFailure {
  if (!isObject(value)) {
    return failure(null, INVALID_REQUEST, 'request is not an object', 'request-malformed')
  }
  const { jsonrpc, id, method, params } = value
  const hasId = typeof id === 'string' || typeof id === 'number' || id === null
  const answerId = hasId ? id : null
  if (jsonrpc !== '2.0' || typeof method !== 'string' || (id !== undefined && !hasId)) {
    return failure(
      answerId,
      INVALID_REQUEST,
      'request needs jsonrpc "2.0", a string method, and a string or number id',
      'request-malformed'
    )
  }
  if (params !== undefined && !isObject(params)) {
    return failure(answerId, INVALID_PARAMS, 'params must be an object', 'request-malformed')
  }
  return { kind: 'request', id: hasId ? id : undefined, method, params: params ?? {} }
}

/** Narrows parsed JSON to an object that is no list. */
function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function failure(id: JsonRpcId, code: number, message: string, reason: ErrorCode): JsonRpcFailure {
  return { kind: 'failure', id, error: { code, message, data: { code: reason } } }
}

/** The JSON-RPC error for whatever a method threw. An unexpected error tells nothing about the inside. */
export function toJsonRpcError(error: unknown): JsonRpcErrorObject {
  if (!isDeadDropError(error)) {
    return { code: INTERNAL_ERROR, message: 'unexpected failure', data: { code: 'internal' } }
  }
  const numbers: Partial<Record<ErrorCode, number>> = {
    'method-unknown': METHOD_NOT_FOUND,
    'request-malformed': INVALID_PARAMS
  }
  return {
    code: numbers[error.code] ?? REFUSED,
    message: error.message,
    data: { code: error.code }
  }
}

/** Frames an answer or a notification as one line. */
export function encodeResult(id: JsonRpcId, result: JsonValue): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`
}

export function encodeFailure(id: JsonRpcId, error: JsonRpcErrorObject): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, error })}\n`
}

export function encodeNotification(method: string, params: JsonObject): string {
  return `${JSON.stringify({ jsonrpc: '2.0', method, params })}\n`
}
