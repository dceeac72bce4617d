import type { Stream } from '@libp2p/interface'
import { DeadDropError } from '#protocol/errors.ts'
import type { Clock } from '../network/clock.ts'

/** Frames over a libp2p stream: an unsigned 32-bit big-endian length, then that many bytes. */
export interface FrameStream {
  /**
   * @returns the next frame, `undefined` when the peer has ended its side between two frames.
   * @throws {DeadDropError} `bytes-too-large`, `bytes-malformed` for a frame cut short, `node-unreachable` when the stream
   *   broke or made no progress for the idle time; the stream is aborted then.
   */
  read(): Promise<Uint8Array | undefined>
  /**
   * Resolves when the transport can take more. Frames go out in the order of the calls.
   *
   * @throws {DeadDropError} `node-unreachable` as for {@link read}.
   */
  write(frame: Uint8Array): Promise<void>
  /** Ends our side; aborts the stream when the peer does not end its own in the idle time. Never throws. */
  close(): Promise<void>
  abort(): void
}

const LENGTH_BYTES = 4

/**
 * @param init.maxFrameBytes - a longer frame is refused when its length is read.
 * @param init.idleTimeoutMs - without a byte in or out for this long, a wait ends and the stream is aborted.
 */
export function createFrameStream(
  { stream, clock }: { readonly stream: Stream; readonly clock: Clock },
  init: { readonly maxFrameBytes: number; readonly idleTimeoutMs: number }
): FrameStream {
  const listeners = new AbortController()
  const { signal } = listeners
  let chunks: Uint8Array[] = []
  let buffered = 0
  let hasEnded = stream.readableEnded
  let isBroken = false
  let wakeReader: (() => void) | undefined
  let wakeWriter: (() => void) | undefined
  let writing: Promise<void> = Promise.resolve()

  function wakeBoth(): void {
    wakeReader?.()
    wakeWriter?.()
  }

  function abort(): void {
    if (isBroken) return
    isBroken = true
    listeners.abort()
    stream.abort(new Error('exchange aborted'))
    wakeBoth()
  }

  stream.addEventListener('drain', wakeBoth, { signal })
  stream.addEventListener(
    'end',
    () => {
      hasEnded = true
      wakeBoth()
    },
    { signal }
  )
  stream.addEventListener(
    'close',
    () => {
      // Bytes that came before the end are still to be read.
      if (stream.status === 'closed') hasEnded = true
      else isBroken = true
      wakeBoth()
    },
    { signal }
  )
  // Last: adding it releases what is buffered, in a later microtask.
  stream.addEventListener(
    'message',
    ({ data }) => {
      chunks.push(data.subarray())
      buffered += data.byteLength
      // The stream's own iterator buffers without bound; this stops the sender's window instead.
      if (buffered > init.maxFrameBytes * 2 && stream.readStatus === 'readable') stream.pause()
      wakeReader?.()
    },
    { signal }
  )

  /** Waits for `setWake`'s callback; `false` when the idle time passed first. */
  function progress(setWake: (wake: (() => void) | undefined) => void): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isProgress: boolean): void => {
        setWake(undefined)
        cancel()
        resolve(isProgress)
      }
      const cancel = clock.after(init.idleTimeoutMs, () => {
        settle(false)
      })
      setWake(() => {
        settle(true)
      })
    })
  }

  function isOpen(): boolean {
    return !isBroken
  }

  function broken(): DeadDropError {
    abort()
    return new DeadDropError('node-unreachable', 'stream broke or made no progress')
  }

  async function send(frame: Uint8Array): Promise<void> {
    if (!isOpen()) throw broken()
    const bytes = new Uint8Array(LENGTH_BYTES + frame.byteLength)
    new DataView(bytes.buffer).setUint32(0, frame.byteLength)
    bytes.set(frame, LENGTH_BYTES)
    try {
      stream.send(bytes)
    } catch {
      throw broken()
    }
    // `stream.onDrain` resolves at once from its second use on (@libp2p/utils 7), hence the event.
    while (stream.writableNeedsDrain) {
      // It may have broken while it took the bytes: nobody would end the wait.
      if (!isOpen()) throw broken()
      if (!(await progress((wake) => (wakeWriter = wake))) || !isOpen()) throw broken()
      // The stream goes on sending in a microtask after its drain event, and may be full again then.
      await Promise.resolve()
    }
  }

  function take(length: number): Uint8Array {
    const whole = join(chunks, buffered)
    chunks = length < whole.byteLength ? [whole.subarray(length)] : []
    buffered = whole.byteLength - length
    if (buffered <= init.maxFrameBytes && stream.readStatus === 'paused') stream.resume()
    return whole.subarray(0, length)
  }

  return {
    async read() {
      let length: number | undefined
      for (;;) {
        if (length === undefined && buffered >= LENGTH_BYTES) {
          const header = take(LENGTH_BYTES)
          length = new DataView(header.buffer, header.byteOffset).getUint32(0)
          if (length > init.maxFrameBytes) {
            abort()
            throw new DeadDropError(
              'bytes-too-large',
              `frame is ${String(length)} bytes, allowed 0..${String(init.maxFrameBytes)}`
            )
          }
        }
        if (length !== undefined && buffered >= length) return take(length)
        if (isBroken) throw broken()
        if (hasEnded) {
          if (length === undefined && buffered === 0) return undefined
          abort()
          throw new DeadDropError('bytes-malformed', 'stream ended inside a frame')
        }
        if (!(await progress((wake) => (wakeReader = wake)))) throw broken()
      }
    },
    write(frame) {
      const written = writing.then(() => send(frame))
      writing = written.catch(() => undefined)
      return written
    },
    async close() {
      await writing
      if (isBroken) return
      try {
        await stream.close({ signal: AbortSignal.timeout(init.idleTimeoutMs) })
      } catch {
        abort()
        return
      }
      if (stream.status !== 'open' && stream.status !== 'closing') {
        listeners.abort()
        return
      }
      const cancel = clock.after(init.idleTimeoutMs, abort)
      stream.addEventListener('close', cancel, { once: true })
    },
    abort
  }
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return first
  const whole = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}
