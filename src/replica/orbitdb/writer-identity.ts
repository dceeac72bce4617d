import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { OplogIdentity } from '@orbitdb/core/src/oplog/index.js'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { LogWriter } from '#protocol/gate.ts'

/**
 * What OrbitDB's log takes for an identity: the writer of this device.
 *
 * @param components.writer - asked at each use: a log opened for reading may be given its writer later.
 */
export function createWriterIdentity(components: {
  readonly verifier: SignatureVerifier
  readonly writer: () => LogWriter | undefined
}): OplogIdentity {
  return {
    get publicKey() {
      return components.writer()?.publicKey ?? ''
    },
    get hash() {
      return components.writer()?.certificate ?? ''
    },
    async sign(_identity, bytes) {
      const writer = components.writer()
      if (writer === undefined)
        throw new DeadDropError('internal', 'log was opened without a writer')
      return bytesToHex(await writer.sign(bytes))
    },
    verify: (signature, publicKey, bytes) =>
      components.verifier.verify(hexToBytes(signature), hexToBytes(publicKey), bytes)
  }
}
