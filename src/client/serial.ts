/** Runs tasks one after another, in the order of the calls; a task that fails does not stop the next one. */
export interface Serial {
  run<T>(task: () => Promise<T>): Promise<T>
  /** Resolves when everything queued so far has ended. */
  idle(): Promise<void>
}

export function createSerial(): Serial {
  let tail: Promise<unknown> = Promise.resolve()
  return {
    run(task) {
      const result = tail.then(task)
      tail = result.catch(() => undefined)
      return result
    },
    async idle() {
      await tail
    }
  }
}
