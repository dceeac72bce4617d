import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { OplogIdentity } from '@orbitdb/core/src/oplog/index.js'
import { equalBytes } from '#protocol/cbor.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { LogWriter } from '#protocol/gate.ts'
import { BoundedMap } from '../bounded-map.ts'

const MAX_REMEMBERED = 512

/** What OrbitDB's log takes for an identity: the writer of this device, and a verifier that remembers what was checked already. */
export interface WriterIdentity extends OplogIdentity {
  /** Spares the second check of a signature that the entry rules have just verified. */
  remember(signature: string, publicKey: string, signed: Uint8Array): void
}

/** @param components.writer - asked at each use: a log opened for reading may be given its writer later. */
export function createWriterIdentity(components: {
  readonly verifier: SignatureVerifier
  readonly writer: () => LogWriter | undefined
}): WriterIdentity {
  const verified = new BoundedMap<
    string,
    { readonly publicKey: string; readonly signed: Uint8Array }
  >(MAX_REMEMBERED)

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
    async verify(signature, publicKey, bytes) {
      const known = verified.get(signature)
      if (known !== undefined && known.publicKey === publicKey && equalBytes(known.signed, bytes))
        return true
      return components.verifier.verify(hexToBytes(signature), hexToBytes(publicKey), bytes)
    },
    remember(signature, publicKey, signed) {
      verified.set(signature, { publicKey, signed })
    }
  }
}
