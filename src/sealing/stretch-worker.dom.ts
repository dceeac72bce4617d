import { stretchByArgon2id, type StretchParameters } from './stretch.ts'

/** What the page asks of this worker. */
export interface StretchRequest {
  readonly passphrase: Uint8Array
  readonly parameters: StretchParameters
}

addEventListener('message', ({ data }: MessageEvent<StretchRequest>) => {
  void stretchByArgon2id(data.passphrase, data.parameters).then((key) => {
    postMessage(key)
  })
})
