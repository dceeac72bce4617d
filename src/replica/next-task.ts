/**
 * Resolves in a later task, so that input, paint and timers get their turn. Not by a timer: pages that nobody looks at
 * have theirs slowed down to one in a second or a minute.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    const onMessage = (): void => {
      port1.close()
      resolve()
    }
    port1.addEventListener('message', onMessage, { once: true })
    port1.start()
    port2.postMessage(null)
  })
}
