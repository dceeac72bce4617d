import type { StretchRequest } from './stretch-worker.dom.ts'
import { stretchByArgon2id, type Stretch } from './stretch.ts'

/**
 * Argon2id beside the page: it fills 64 MiB, which would hold the page up for some tenths of a second. The worker ends with
 * each call, and its memory, in which the passphrase was, with it.
 */
export const stretchInWorker: Stretch = async (passphrase, parameters) => {
  const worker = new Worker(new URL('./stretch-worker.dom.ts', import.meta.url), { type: 'module' })
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  worker.addEventListener('message', ({ data }: MessageEvent<Uint8Array>) => {
    resolve(data)
  })
  worker.addEventListener('error', () => {
    reject(new Error('the worker cannot run'))
  })
  try {
    const request: StretchRequest = { passphrase, parameters }
    worker.postMessage(request)
    return await promise
  } catch {
    // A host may forbid workers by its headers. Slower and in the way, but the passphrase opens.
    return await stretchByArgon2id(passphrase, parameters)
  } finally {
    worker.terminate()
  }
}
