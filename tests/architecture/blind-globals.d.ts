/**
 * Names of web types that browsers and Node share, for `tsconfig.blind.json` only: it drops the DOM library, and
 * @types/node declares these as values without a type of the same name.
 */
type SubtleCrypto = import('node:crypto').webcrypto.SubtleCrypto
type CryptoKey = import('node:crypto').webcrypto.CryptoKey
type CryptoKeyPair = import('node:crypto').webcrypto.CryptoKeyPair
