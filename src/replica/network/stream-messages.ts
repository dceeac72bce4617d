import type { Stream } from '@libp2p/interface'
import { DeadDropError } from '#protocol/errors.ts'

/** Frames are an unsigned 32-bit big-endian length, then that many bytes. */
const LENGTH_BYTES = 4

/**
 * Sends one frame and ends our side of the stream.
 *
 * @throws when the stream is closed or `signal` aborts before everything is handed to the transport.
 */
export async function sendMessage(
  stream: Stream,
  message: Uint8Array,
  signal: AbortSignal
): Promise<void> {
  const frame = new Uint8Array(LENGTH_BYTES + message.byteLength)
  new DataView(frame.buffer).setUint32(0, message.byteLength)
  frame.set(message, LENGTH_BYTES)
  stream.send(frame)
  await stream.close({ signal })
}

/**
 * Reads the one frame that the other side sends.
 *
 * @param maxBytes - checked against the announced length before the body is read.
 * @throws {DeadDropError} `bytes-too-large` for a longer frame, `bytes-malformed` for a cut one or for bytes after it.
 * @throws the reason of `signal` when it aborts first.
 */
export function readMessage(
  stream: Stream,
  maxBytes: number,
  signal: AbortSignal
): Promise<Uint8Array> {
  const reader = createFrameReader(maxBytes)
  return new Promise((resolve, reject) => {
    const settle = (action: () => void): void => {
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('end', onEnd)
      stream.removeEventListener('close', onClose)
      signal.removeEventListener('abort', onAbort)
      action()
    }
    const fail = (error: unknown): void => {
      settle(() => {
        reject(error instanceof Error ? error : new Error('stream failed', { cause: error }))
      })
    }
    const onMessage = (event: { readonly data: { subarray(): Uint8Array } }): void => {
      try {
        const message = reader.push(event.data.subarray())
        if (message !== null) {
          settle(() => {
            resolve(message)
          })
        }
      } catch (error) {
        fail(error)
      }
    }
    const onEnd = (): void => {
      fail(new DeadDropError('bytes-malformed', 'stream ended before its message did'))
    }
    const onClose = (event: { readonly error?: Error }): void => {
      fail(
        event.error ??
          new DeadDropError('bytes-malformed', 'stream closed before its message ended')
      )
    }
    const onAbort = (): void => {
      fail(signal.reason)
    }
    if (signal.aborted) {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      return
    }
    signal.addEventListener('abort', onAbort)
    stream.addEventListener('end', onEnd)
    stream.addEventListener('close', onClose)
    // Last: adding it releases what is buffered, in a later microtask.
    stream.addEventListener('message', onMessage)
    if (stream.readableEnded) {
      onEnd()
    }
  })
}

/** Collects chunks into one frame; `push` returns the body once it is complete. */
function createFrameReader(maxBytes: number): { push(chunk: Uint8Array): Uint8Array | null } {
  const header = new Uint8Array(LENGTH_BYTES)
  let headerBytes = 0
  let body: Uint8Array | null = null
  let bodyBytes = 0
  return {
    push: (chunk) => {
      let rest = chunk
      if (body === null) {
        const taken = rest.subarray(0, LENGTH_BYTES - headerBytes)
        header.set(taken, headerBytes)
        headerBytes += taken.byteLength
        rest = rest.subarray(taken.byteLength)
        if (headerBytes < LENGTH_BYTES) {
          return null
        }
        const length = new DataView(header.buffer).getUint32(0)
        if (length > maxBytes) {
          throw new DeadDropError(
            'bytes-too-large',
            `message is ${String(length)} bytes, allowed 0..${String(maxBytes)}`
          )
        }
        body = new Uint8Array(length)
      }
      if (rest.byteLength > body.byteLength - bodyBytes) {
        throw new DeadDropError('bytes-malformed', 'bytes follow the message')
      }
      body.set(rest, bodyBytes)
      bodyBytes += rest.byteLength
      return bodyBytes === body.byteLength ? body : null
    }
  }
}
