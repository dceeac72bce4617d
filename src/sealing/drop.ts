import type { LogAddress } from '#protocol/brand.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { createLogManifest, logAddressOf, type LogManifest } from '#protocol/log-manifest.ts'
import { createLogWriter, gatePublicKeyOf } from './gate.ts'
import { deriveBytes } from './key-derivation.ts'

/**
 * The drop of an invite: a sealed log where the inviter leaves a bundle and whoever holds the link leaves a Welcome. Its
 * name and its gate come from the link's secret, so that everybody with the link may write, and nodes can check it blind.
 */
export interface Drop {
  readonly manifest: LogManifest
  readonly address: LogAddress
  /** Key of the bundle's envelope, 32 bytes. */
  readonly bundleKey: Uint8Array
  /** @param writerSeed - 32 random bytes, kept with the invite or the acceptance: a repetition is then the same writer. */
  writer(writerSeed: Uint8Array): LogWriter
}

/** @param invite.secret - 16 bytes: the link's. */
export function dropOf(invite: { readonly secret: Uint8Array }): Drop {
  const gateSeed = deriveBytes(invite.secret, 'dd/drop/gate', 32)
  const manifest = createLogManifest(
    deriveBytes(invite.secret, 'dd/drop/name', 24),
    gatePublicKeyOf(gateSeed)
  )
  const address = logAddressOf(manifest)
  return {
    manifest,
    address,
    bundleKey: deriveBytes(invite.secret, 'dd/drop/bundle', 32),
    writer: (writerSeed) => createLogWriter({ gateSeed, address, writerSeed })
  }
}
