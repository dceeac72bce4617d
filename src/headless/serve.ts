import type { DeadDropClient } from '#client/client.ts'
import type { Device } from '#client/device.ts'
import { DeadDropError } from '#protocol/errors.ts'
import {
  encodeFailure,
  encodeNotification,
  encodeResult,
  parseJsonRpc,
  toJsonRpcError,
  type JsonRpcFailure,
  type JsonRpcRequest
} from './json-rpc.ts'
import { createMethods, describeConversation, describeDevice, describeMessage } from './methods.ts'

export interface HeadlessComponents {
  readonly device: Device
  /** Complete lines without their line break; ends when the input ends. A line over the bound comes as `null`. */
  readonly lines: AsyncIterable<string | null>
  readonly write: (line: string) => void
  readonly timeout: (ms: number) => AbortSignal
}

/**
 * Serves JSON-RPC until the input ends, then resolves when every request begun was answered.
 * Requests start in the order of their lines and may be answered out of order.
 */
export async function serveHeadless(components: HeadlessComponents): Promise<void> {
  const { device, lines, write } = components
  const methods = createMethods(device, components)
  const stopped = new AbortController()
  forwardDevice(device, write, stopped.signal)

  const answer = async (request: JsonRpcRequest | JsonRpcFailure): Promise<void> => {
    if (request.kind === 'failure') {
      write(encodeFailure(request.id, request.error))
      return
    }
    const { id } = request
    try {
      const method = methods.get(request.method)
      if (method === undefined) {
        throw new DeadDropError(
          'method-unknown',
          `method is unknown, expected one of ${[...methods.keys()].join(', ')}`
        )
      }
      const result = await method(request.params)
      if (id !== undefined) write(encodeResult(id, result))
    } catch (error) {
      if (id !== undefined) write(encodeFailure(id, toJsonRpcError(error)))
    }
  }

  const running = new Set<Promise<void>>()
  for await (const line of lines) {
    if (line === null) {
      const error = toJsonRpcError(
        new DeadDropError('request-too-large', 'line is longer than 1 MiB')
      )
      write(encodeFailure(null, error))
      continue
    }
    if (line.trim() === '') continue
    for (const request of parseJsonRpc(line)) {
      const task = answer(request).finally(() => running.delete(task))
      running.add(task)
    }
  }
  await Promise.allSettled(running)
  stopped.abort()
}

/** The events of each client that this device opens, and what becomes of the device itself. */
function forwardDevice(device: Device, write: (line: string) => void, signal: AbortSignal): void {
  let followed: DeadDropClient | undefined
  const follow = (): void => {
    const now = device.snapshot()
    if (now.kind !== 'open' || now.client === followed) return
    followed = now.client
    forwardEvents(followed, write, signal)
  }
  device.addEventListener(
    'change',
    () => {
      write(encodeNotification('device', describeDevice(device)))
      follow()
    },
    { signal }
  )
  follow()
}

function forwardEvents(
  client: DeadDropClient,
  write: (line: string) => void,
  signal: AbortSignal
): void {
  client.addEventListener(
    'message',
    ({ detail: { conversation, message } }) => {
      write(encodeNotification('message', { conversation, ...describeMessage(message) }))
    },
    { signal }
  )
  client.addEventListener(
    'delivery',
    ({ detail }) => {
      write(encodeNotification('delivery', { ...detail }))
    },
    { signal }
  )
  client.addEventListener(
    'conversation',
    ({ detail }) => {
      write(encodeNotification('conversation', describeConversation(detail)))
    },
    { signal }
  )
  client.addEventListener(
    'connection',
    ({ detail }) => {
      write(encodeNotification('connection', { ...detail }))
    },
    { signal }
  )
}
