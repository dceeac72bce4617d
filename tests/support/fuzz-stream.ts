import type { Stream } from '@libp2p/interface'

/** A libp2p stream whose other side sends `chunks`, ends, and takes whatever it is sent. */
export function createPlayedStream(chunks: readonly Uint8Array[]): Stream {
  const events = new EventTarget()
  const waiting = [...chunks]
  let isPumping = false

  function pump(): void {
    if (isPumping) return
    isPumping = true
    queueMicrotask(() => {
      isPumping = false
      while (stream.status === 'open' && stream.readStatus === 'readable') {
        const chunk = waiting.shift()
        if (chunk === undefined) {
          if (stream.readableEnded) return
          stream.readableEnded = true
          events.dispatchEvent(new Event('end'))
          return
        }
        if (chunk.byteLength === 0) continue
        events.dispatchEvent(Object.assign(new Event('message'), { data: chunk }))
      }
    })
  }

  const stream = {
    status: 'open',
    readStatus: 'readable',
    readableEnded: false,
    writableNeedsDrain: false,
    addEventListener(type: string, listener: EventListener, options?: AddEventListenerOptions) {
      events.addEventListener(type, listener, options)
      if (type === 'message') pump()
    },
    removeEventListener(type: string, listener: EventListener) {
      events.removeEventListener(type, listener)
    },
    pause() {
      stream.readStatus = 'paused'
    },
    resume() {
      stream.readStatus = 'readable'
      pump()
    },
    send: () => true,
    async close() {
      stream.status = 'closed'
      events.dispatchEvent(new Event('close'))
    },
    abort() {
      if (stream.status !== 'open') return
      stream.status = 'aborted'
      events.dispatchEvent(new Event('close'))
    }
  }
  return stream as unknown as Stream // the readers under test use these members alone
}
