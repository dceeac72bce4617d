/**
 * Encryption at rest, bound to this device's vault key. `record` names what is sealed and is authenticated with it, so
 * that no value can be moved to another place.
 */
export interface Vault {
  seal(record: string, plain: Uint8Array): Promise<Uint8Array> | Uint8Array
  /** Throws, or gives `undefined`, when the bytes were not sealed by this vault under this name. */
  open(record: string, sealed: Uint8Array): Promise<Uint8Array | undefined> | Uint8Array | undefined
}
