declare const brand: unique symbol

/** A nominal type: values of `T` that passed the check or the operation named by `B`. */
export type Brand<T, B extends string> = T & { readonly [brand]: B }

/** An encoded message before sealing. Never leaves the device. */
export type PlainBytes = Brand<Uint8Array, 'PlainBytes'>

/** A padded, authenticated envelope (see `sealing/envelope.ts`). The only thing that a log stores. */
export type SealedBytes = Brand<Uint8Array, 'SealedBytes'>

/** CIDv1 (dag-cbor, sha2-256) of an entry, base58btc, `zdpu…`, 49 characters. */
export type EntryHash = Brand<string, 'EntryHash'>

/** OrbitDB address of a log, `/orbitdb/zdpu…`: the CID of its manifest. */
export type LogAddress = Brand<string, 'LogAddress'>
