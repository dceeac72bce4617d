import type { SessionSegment } from '#messaging/ports.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_SEGMENTS } from '#protocol/limits.ts'
import { createLogManifest, logAddressOf } from '#protocol/log-manifest.ts'
import { createLogWriter, gatePublicKeyOf } from './gate.ts'
import { deriveBytes } from './key-derivation.ts'

/** What the segments of one chain are derived from. */
export interface ChainWithSecrets {
  /** 32 bytes, shared by the members: names and gates. */
  readonly secret: Uint8Array
  /** 32 bytes, this device's own: its pseudonyms, which nobody can link. */
  readonly writerSecret: Uint8Array
}

/**
 * One segment of a chain. Parts of two segments have nothing in common for who does not know the secrets.
 *
 * @param number - 0..`MAX_SEGMENTS` - 1.
 */
export function deriveSegment(chain: ChainWithSecrets, number: number): SessionSegment {
  if (!Number.isSafeInteger(number) || number < 0 || number >= MAX_SEGMENTS) {
    throw new DeadDropError('internal', `segment number is not in 0..${MAX_SEGMENTS - 1}`)
  }
  const gateSeed = deriveBytes(chain.secret, `dd/segment/gate/${number}`, 32)
  const name = deriveBytes(chain.secret, `dd/segment/name/${number}`, 24)
  const manifest = createLogManifest(name, gatePublicKeyOf(gateSeed))
  const address = logAddressOf(manifest)
  const writerSeed = deriveBytes(chain.writerSecret, `dd/segment/writer/${number}`, 32)
  return { manifest, address, writer: createLogWriter({ gateSeed, address, writerSeed }) }
}
