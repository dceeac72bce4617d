// @orbitdb/core 4.0.0 has no types: only what this folder uses. The deep path loads the log alone, without OrbitDB's
// own storages, keystore and sync.
declare module '@orbitdb/core/src/oplog/index.js' {
  export interface OplogEntry {
    id: string
    payload: unknown
    next: string[]
    refs: string[]
    clock: { id: string; time: number }
    v: number
    key: string
    identity: string
    sig: string
    hash: string
  }

  export interface OplogIdentity {
    readonly publicKey: string
    /** Written into each entry as `identity`. */
    readonly hash: string
    sign(identity: OplogIdentity, bytes: Uint8Array): Promise<string>
    verify(signature: string, publicKey: string, bytes: Uint8Array): Promise<boolean>
  }

  export interface OplogAccess {
    /** Own entries come without `hash`. */
    canAppend(entry: Omit<OplogEntry, 'hash'> & { hash?: string }): Promise<boolean>
  }

  export interface OplogStorage {
    put(key: string, value: unknown): Promise<void>
    get(key: string): Promise<unknown>
    del(key: string): Promise<void>
    iterator(): AsyncIterable<[string, unknown]>
    merge(other: OplogStorage): Promise<void>
    clear(): Promise<void>
    close(): Promise<void>
  }

  export interface Oplog {
    append(data: unknown, options: { referencesCount: number }): Promise<OplogEntry>
    /** `false` when the entry was there already. */
    joinEntry(entry: OplogEntry): Promise<boolean>
    heads(): Promise<OplogEntry[]>
    /** Newest first. */
    iterator(): AsyncIterable<OplogEntry>
    close(): Promise<void>
  }

  export function Log(
    identity: OplogIdentity,
    options: {
      logId: string
      access: OplogAccess
      entryStorage: OplogStorage
      headsStorage: OplogStorage
      indexStorage: OplogStorage
    }
  ): Promise<Oplog>

  export const Entry: {
    create(
      identity: OplogIdentity,
      id: string,
      payload: unknown,
      encryptPayload: null,
      clock: { id: string; time: number },
      next: readonly string[],
      refs: readonly string[]
    ): Promise<Omit<OplogEntry, 'hash'>>
    encode(entry: Omit<OplogEntry, 'hash'>): Promise<{ hash: string; bytes: Uint8Array }>
    decode(bytes: Uint8Array): Promise<OplogEntry>
  }
}
