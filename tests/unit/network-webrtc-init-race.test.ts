import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { correctWebrtcInitRace } from '#replica/network/webrtc-init-race.vite.ts'

const MODULE = join(
  dirname(createRequire(import.meta.url).resolve('@libp2p/webrtc')),
  'private-to-private/initiate-connection.js'
)

it('the installed WebRTC transport still needs the correction, and gets it', async () => {
  const source = await readFile(MODULE, 'utf8')
  const corrected = correctWebrtcInitRace().transform(source, `${MODULE}?v=1`)?.code ?? ''
  expect(corrected).not.toContain("readyState !== 'open'")
  expect(corrected).toContain("pEvent(channel, ['open', 'close'], { signal })")
  expect(corrected).toContain(
    "onProgress?.(new CustomProgressEvent('webrtc:close-signaling-stream'))"
  )
})

it('a module without the fault stops the build', () => {
  expect(() => correctWebrtcInitRace().transform('export {}', MODULE)).toThrow('changed')
})

it('other modules are left alone', () => {
  expect(correctWebrtcInitRace().transform('export {}', '/src/main.ts')).toBeNull()
})
