// @orbitdb/core 4.0.0 has no types: what interoperability needs beside what the benchmarks declare.
declare module '@orbitdb/core' {
  export function createOrbitDB(options: {
    readonly ipfs: unknown
    readonly identity: { readonly publicKey: string; readonly hash: string }
    readonly identities: object
    readonly directory: string
  }): Promise<StockOrbitDB>

  export function useAccessController(controller: { readonly type: string }): void
}
