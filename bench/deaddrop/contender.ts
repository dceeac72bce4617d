import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { EntryHash, SealedBytes } from '#protocol/brand.ts'
import { createLogManifest, logAddressOf } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { PeerLink, Replica } from '#replica/replica.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { createLogWriter, gatePublicKeyOf } from '#sealing/gate.ts'
import type { Contender, ContenderLog } from '../peer.ts'

const LINK_TIMEOUT_MS = 30_000
/** Length of the names and seeds of a log, bytes. */
const NAME_BYTES = 24
const SEED_BYTES = 32

/**
 * Our replica, with writers made as the product makes them.
 *
 * @param components.addresses - picks those of its addresses that `dial` of another one understands.
 */
export function createDeadDropContender(components: {
  readonly replica: Replica
  addresses(): readonly string[]
  dial(addresses: readonly string[]): Promise<void>
  /** Called after the replica has stopped. */
  dispose(): Promise<void>
}): Contender {
  const { replica } = components

  function createContenderLog(log: SealedLog, token: string, ownKey: string): ContenderLog {
    return {
      token,
      async append(payload) {
        const { hash } = await log.append(payload as SealedBytes) // the log is blind: any bytes will do
        return hash
      },
      onReceived(listener) {
        log.addEventListener('entries', ({ detail }) => {
          for (const { writer, sealed } of detail) if (writer !== ownKey) listener(sealed)
        })
      },
      async waitFor(hash, signal) {
        // Entries are stored in causal order, so the last one comes last.
        const isHere = await replica.waitFor(log.address, [hash as EntryHash], signal)
        if (!isHere)
          throw new Error(`${log.size().entries} entries came in time, the last one did not`)
      },
      count: async () => log.size().entries,
      bytes: async () => log.size().bytes,
      async newest(count) {
        const payloads: Uint8Array[] = []
        for await (const { sealed } of log.entries(Math.max(0, log.size().entries - count))) {
          payloads.push(sealed)
        }
        return payloads
      }
    }
  }

  async function open(manifest: LogManifest, gateSeed: Uint8Array): Promise<ContenderLog> {
    const address = logAddressOf(manifest)
    const writer = createLogWriter({ gateSeed, address, writerSeed: randomBytes(SEED_BYTES) })
    const token = encodeToken(manifest, gateSeed)
    return createContenderLog(await replica.open(manifest, { writer }), token, writer.publicKey)
  }

  return {
    addresses: () =>
      untilNetwork(replica, 'an address', () => {
        const addresses = components.addresses()
        return addresses.length > 0 ? addresses : undefined
      }),
    dial: (addresses) => components.dial(addresses),
    async createLog() {
      const gateSeed = randomBytes(SEED_BYTES)
      return open(createLogManifest(randomBytes(NAME_BYTES), gatePublicKeyOf(gateSeed)), gateSeed)
    },
    async openLog(token) {
      const { manifest, gateSeed } = JSON.parse(token) as {
        readonly manifest: LogManifest
        readonly gateSeed: string
      }
      return open(manifest, hexToBytes(gateSeed))
    },
    async stop() {
      await replica.stop()
      await components.dispose()
    }
  }
}

/** What `openLog` of another contender understands. */
export function encodeToken(manifest: LogManifest, gateSeed: Uint8Array): string {
  return JSON.stringify({ manifest, gateSeed: bytesToHex(gateSeed) })
}

/** Waits until the replica has a connection as wanted. */
export async function untilLinked(
  replica: Replica,
  isWanted: (link: PeerLink) => boolean
): Promise<void> {
  await untilNetwork(replica, 'a connection', () => replica.network().peers.find(isWanted))
}

async function untilNetwork<T>(
  replica: Replica,
  what: string,
  look: () => T | undefined
): Promise<T> {
  const done = new AbortController()
  const found = Promise.withResolvers<T>()
  const timer = setTimeout(() => {
    found.reject(new Error(`waited ${LINK_TIMEOUT_MS} ms for ${what}`))
  }, LINK_TIMEOUT_MS)
  const lookAgain = (): void => {
    const value = look()
    if (value !== undefined) found.resolve(value)
  }
  replica.addEventListener('network', lookAgain, { signal: done.signal })
  lookAgain()
  try {
    return await found.promise
  } finally {
    clearTimeout(timer)
    done.abort()
  }
}

function randomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length))
}
