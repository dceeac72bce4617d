const LOCK_NAME = 'deaddrop-node'
const CHANNEL_NAME = 'deaddrop-handover'

/** The right of one tab to run the replica: two tabs on one store lose messages for good. */
export interface TabOwnership {
  /** Resolves when another tab asks to take over; the owner then stops and calls {@link release}. */
  readonly handover: Promise<void>
  release(): void
}

/** Takes the ownership if no other tab has it; `undefined` otherwise. */
export async function tryOwnTab(): Promise<TabOwnership | undefined> {
  return request({ ifAvailable: true })
}

/** Asks the owning tab to hand over, and waits until it has. */
export async function takeOverTab(): Promise<TabOwnership> {
  const channel = new BroadcastChannel(CHANNEL_NAME)
  channel.postMessage('hand-over')
  channel.close()
  const ownership = await request({})
  if (ownership === undefined) throw new Error('an unconditional lock request was not granted')
  return ownership
}

function request(options: LockOptions): Promise<TabOwnership | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<TabOwnership | undefined>()
  navigator.locks
    .request(LOCK_NAME, options, async (lock) => {
      if (lock === null) {
        resolve(undefined)
        return
      }
      const released = Promise.withResolvers<undefined>()
      const asked = Promise.withResolvers<undefined>()
      const channel = new BroadcastChannel(CHANNEL_NAME)
      channel.addEventListener('message', () => {
        asked.resolve(undefined)
      })
      resolve({
        handover: asked.promise,
        release() {
          channel.close()
          released.resolve(undefined)
        }
      })
      await released.promise
    })
    .catch(reject)
  return promise
}
