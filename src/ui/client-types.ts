import type { ClientSnapshot, DeadDropClient } from '#client/client.ts'

/** Why the client refused something; each code has words in every language of the interface. */
export type ErrorCode = ClientSnapshot['problems'][number]

/** Connections of this device as the client reports them. */
export type NetworkStatus = NonNullable<ClientSnapshot['network']>

/** What comparing a scanned or pasted code says. */
export type SafetyComparison = Awaited<ReturnType<DeadDropClient['compareSafetyCode']>>
