import { webcrypto } from 'node:crypto'
import type { DeadDropClient, MessageView } from '#client/client.ts'
import { createClient } from '#client/create-client.ts'
import { chainKind } from '#client/records.ts'
import type { SegmentPolicy } from '#client/segment-keeper.ts'
import { createHistory } from '#history/create-history.ts'
import { createPinClient } from '#pinning/pin-client.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { DeadDropError, type ErrorCode } from '#protocol/errors.ts'
import type { KeyValueStore } from '#protocol/key-value-store.ts'
import { createNodeReplica } from '#replica/create-replica.node.ts'
import { createSystemClock, type Clock } from '#replica/network/clock.ts'
import { createClientPlatform } from '#replica/network/libp2p-options.node.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { createVault, importVaultKey } from '#sealing/vault.ts'

/** A store that refuses writes while it is told to, as a full or a locked disk would: nothing of the batch is stored. */
export interface StubbornStore extends KeyValueStore {
  refuse(code: ErrorCode | null): void
}

export function createStubbornStore(): StubbornStore {
  const store = createMemoryStore()
  let refusal: ErrorCode | null = null
  return {
    ...store,
    refuse(code) {
      refusal = code
    },
    async write(batch, options) {
      if (refusal !== null) throw new DeadDropError(refusal, 'the test refuses this write')
      await store.write(batch, options)
    }
  }
}

/** The system's clock, wrong by `offsetMs`; waits are `speed` times as short. */
export function createCrookedClock(init: {
  readonly offsetMs?: number
  readonly speed?: number
}): Clock {
  const clock = createSystemClock()
  const { offsetMs = 0, speed = 1 } = init
  return {
    now: () => clock.now() + offsetMs,
    after: (delayMs, callback) => clock.after(delayMs / speed, callback)
  }
}

/** A client with real sealing, real history and a real replica in this process; leaves with the scope. */
export interface TestClient extends AsyncDisposable {
  readonly client: DeadDropClient
  /** Resolves with the first value of `look` that is not `undefined`, now or after a change. */
  until<T>(look: (client: DeadDropClient) => T | undefined): Promise<T>
  messages(conversation: string): Promise<readonly MessageView[]>
  /** Numbers of the segments that this client keeps, oldest first. */
  segments(conversation: string): Promise<readonly number[]>
  /** Resolves when the newest messages of the conversation say so. */
  untilMessages(
    conversation: string,
    fits: (messages: readonly MessageView[]) => boolean
  ): Promise<void>
}

export async function startClient(init: {
  readonly nodes: readonly string[]
  readonly store?: KeyValueStore
  readonly clock?: Clock
  readonly segments?: Partial<SegmentPolicy>
}): Promise<TestClient> {
  const store = init.store ?? createMemoryStore()
  const random = (length: number): Uint8Array => webcrypto.getRandomValues(new Uint8Array(length))
  const vault = createVault({ key: await importVaultKey(new Uint8Array(32).fill(7)), random })
  const history = await createHistory({ store, vault })
  const replica = createNodeReplica({ store }, { platform: createClientPlatform({}) })
  const client = await createClient(
    {
      history,
      replica,
      pinClient: (started) =>
        createPinClient({
          replica: started,
          verifier: createSignatureVerifier(),
          randomBytes: random
        }),
      clock: init.clock ?? createSystemClock(),
      randomBytes: random,
      random: Math.random,
      storage: {
        look: async () => ({ isPersistent: null, usedBytes: null, quotaBytes: null }),
        requestPersistence: async () => undefined
      },
      dispose: async () => (await replica).stop()
    },
    {
      nodes: init.nodes,
      appUrl: 'https://deaddrop.example/',
      segments: init.segments ?? {}
    }
  )

  function until<T>(look: (client: DeadDropClient) => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const done = new AbortController()
      const check = (): void => {
        const found = look(client)
        if (found === undefined) return
        done.abort()
        resolve(found)
      }
      client.addEventListener('change', check, { signal: done.signal })
      check()
    })
  }

  const messages = (conversation: string): Promise<readonly MessageView[]> =>
    client.listMessages(conversation, { limit: 500 })

  return {
    client,
    until,
    messages,
    segments: async (conversation) =>
      ((await history.record(chainKind, conversation)) ?? []).map(({ number }) => number),
    untilMessages(conversation, fits) {
      return new Promise((resolve, reject) => {
        const done = new AbortController()
        const check = (): void => {
          messages(conversation).then((found) => {
            if (!fits(found)) return
            done.abort()
            resolve()
          }, reject)
        }
        client.addEventListener('change', check, { signal: done.signal })
        check()
      })
    },
    [Symbol.asyncDispose]: () => client.stop()
  }
}

/** Inviter and accepter become acquainted. @returns the conversation's id, known to both. */
export async function acquaint(inviter: TestClient, accepter: TestClient): Promise<string> {
  await inviter.client.createIdentity('Alice')
  await accepter.client.createIdentity('Bob')
  await inviter.until((client) => (client.snapshot().connection === 'relayed' ? true : undefined))
  const { link } = await inviter.client.createInvite()
  const { id } = await accepter.client.acceptInvite(link)
  const conversation = await accepter.until(
    (client) =>
      client.snapshot().acceptances.find((acceptance) => acceptance.id === id)?.conversation ??
      undefined
  )
  await inviter.until((client) =>
    client.snapshot().conversations.find((known) => known.id === conversation)
  )
  return conversation
}
