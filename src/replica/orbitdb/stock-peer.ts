import type { LogAddress } from '#protocol/brand.ts'
import { encodeCanonical } from '#protocol/cbor.ts'
import type { SignatureVerifier } from '#protocol/ed25519.ts'
import { hashOfBlock, readLogAddress } from '#protocol/log-manifest.ts'
import { GATE_ACCESS_TYPE } from '#protocol/protocol-ids.ts'
import { createEntryRules } from './entry-rules.ts'
import type { EntryRules } from './entry-rules.ts'

/** What OrbitDB asks before it takes an entry; own entries come without `hash`. */
interface StockAccess {
  readonly type: string
  readonly address: string
  canAppend(entry: { readonly id: string; readonly hash?: string }): Promise<boolean>
}

/** What `useAccessController` of `@orbitdb/core` takes. */
export interface StockAccessController {
  (): (init: { readonly address: string }) => Promise<StockAccess>
  readonly type: string
}

/**
 * Lets an unmodified OrbitDB 4 open our logs: it applies the rules that depend on an entry alone. Whether an entry is
 * exactly one later than what it names (`isCausal`) is not for an access controller to see.
 *
 * The identity is {@link createWriterIdentity}; a writer belongs to one log, so each log has an OrbitDB of its own.
 *
 * @example
 * useAccessController(createGateAccessController({ verifier }))
 * const identity = createWriterIdentity({ verifier, writer: () => writer })
 * const orbitdb = await createOrbitDB({ ipfs, identity, identities: {}, directory })
 * const log = await orbitdb.open(address)
 * await log.add(sealedBytes)
 */
export function createGateAccessController(components: {
  readonly verifier: SignatureVerifier
}): StockAccessController {
  const open = async ({ address: access }: { readonly address: string }): Promise<StockAccess> => {
    const gatePublicKey = access.slice(`/${GATE_ACCESS_TYPE}/`.length)
    let rules: { readonly of: LogAddress; readonly entry: EntryRules } | undefined

    /** OrbitDB does not say which log it is; its log has compared the id of each entry before it asks. */
    function rulesOf(id: string): EntryRules {
      if (rules === undefined || rules.of !== id) {
        const address = readLogAddress(id)
        const manifest = { gatePublicKey }
        rules = { of: address, entry: createEntryRules(components, { manifest, address }) }
      }
      return rules.entry
    }

    return {
      type: GATE_ACCESS_TYPE,
      address: access,
      async canAppend({ hash, ...fields }) {
        try {
          if ((await rulesOf(fields.id).checkFields(fields)) !== undefined) return false
          // Another encoding of the same entry has another hash, under which OrbitDB would never find it again.
          return hash === undefined || hashOfBlock(encodeCanonical(fields)) === hash
        } catch {
          return false
        }
      }
    }
  }
  return Object.assign(() => open, { type: GATE_ACCESS_TYPE })
}
