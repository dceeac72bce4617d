// @orbitdb/core 4.0.0 has no types: only what the stock rival uses of its public interface.
declare module '@orbitdb/core' {
  export interface StockEntry {
    readonly hash: string
    /** Public key of the writer. */
    readonly key: string
    readonly payload: { readonly value: unknown }
  }

  export interface StockEvents {
    readonly address: { toString(): string }
    readonly events: {
      on(event: 'update', listener: (entry: StockEntry) => void): void
      on(event: 'error', listener: (error: Error) => void): void
      off(event: 'update', listener: (entry: StockEntry) => void): void
    }
    readonly log: {
      heads(): Promise<readonly StockEntry[]>
      readonly storage: { get(hash: string): Promise<Uint8Array | undefined> }
    }
    add(value: unknown): Promise<string>
    /** Newest first. */
    iterator(filters?: {
      readonly amount: number
    }): AsyncIterable<{ readonly hash: string; readonly value: unknown }>
  }

  export interface StockOrbitDB {
    readonly identity: { readonly publicKey: string }
    open(
      address: string,
      options?: { readonly type: 'events'; readonly AccessController: unknown }
    ): Promise<StockEvents>
    stop(): Promise<void>
  }

  export function IPFSAccessController(init: { readonly write: readonly string[] }): unknown

  export function createOrbitDB(options: {
    readonly ipfs: unknown
    readonly id: string
    readonly directory: string
  }): Promise<StockOrbitDB>
}
