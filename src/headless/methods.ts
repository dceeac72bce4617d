import type {
  Acceptance,
  ConversationSummary,
  DeadDropClient,
  MessageView
} from '#client/client.ts'
import type { Device } from '#client/device.ts'
import { DeadDropError } from '#protocol/errors.ts'
import type { JsonObject, JsonValue } from './json-rpc.ts'

/** How long `invite.accept` waits for the inviter's node before it answers `invite-unreachable`; accepting goes on behind it. */
const ACCEPT_TIMEOUT_MS = 30_000
const MAX_LIST = 1_000

type Method = (params: JsonObject) => Promise<JsonValue>

/** The methods of the headless client by name. Each checks its parameters and answers plain JSON. */
export function createMethods(
  device: Device,
  timers: { readonly timeout: (ms: number) => AbortSignal }
): ReadonlyMap<string, Method> {
  const client = (): DeadDropClient => {
    const now = device.snapshot()
    if (now.kind === 'open') return now.client
    if (now.kind === 'locked')
      throw new DeadDropError('locked', 'data is locked, expected device.unlock first')
    throw new DeadDropError('stopped', 'everything is deleted')
  }
  return new Map<string, Method>([
    [
      'identity.create',
      async (params) => ({ ...(await client().createIdentity(readString(params, 'name'))) })
    ],
    [
      'identity.get',
      async () => {
        const { profile } = client().snapshot()
        if (profile === null)
          throw new DeadDropError(
            'identity-missing',
            'no identity yet, expected identity.create first'
          )
        return { ...profile }
      }
    ],
    ['invite.create', async () => ({ ...(await client().createInvite({ isFresh: true })) })],
    [
      'invite.accept',
      async (params) => acceptInvite(client(), params, timers.timeout(ACCEPT_TIMEOUT_MS))
    ],
    [
      'invite.get',
      async () => {
        const { invite } = client().snapshot()
        return invite && { ...invite }
      }
    ],
    ['conversation.list', async () => client().snapshot().conversations.map(describeConversation)],
    [
      'message.send',
      async (params) => {
        const message = await client().sendMessage(
          readString(params, 'conversation'),
          readString(params, 'text')
        )
        return { id: message.id }
      }
    ],
    [
      'message.list',
      async (params) => {
        const limit = readOptional(params, 'limit', readCount)
        const before = readOptional(params, 'before', readString)
        const messages = await client().listMessages(readString(params, 'conversation'), {
          ...(limit === undefined ? {} : { limit }),
          ...(before === undefined ? {} : { before })
        })
        return messages.map(describeMessage)
      }
    ],
    ['network.status', async () => describeNetwork(client())],
    ['device.status', async () => describeDevice(device)],
    ['device.unlock', async (params) => done(device.unlock(readString(params, 'passphrase')))],
    ['device.lock', async () => done(device.lock())],
    [
      'device.passphrase',
      async (params) =>
        done(
          device.setPassphrase({
            current: readOptional(params, 'current', readString) ?? null,
            next: readOptional(params, 'next', readString) ?? null
          })
        )
    ],
    [
      'device.wipe',
      async (params) => {
        if (params['isSure'] !== true)
          throw new DeadDropError('request-malformed', 'parameter isSure must be true')
        return done(device.wipe())
      }
    ]
  ])
}

async function done(work: Promise<void>): Promise<JsonValue> {
  await work
  return {}
}

export function describeDevice(device: Device): JsonObject {
  const now = device.snapshot()
  return {
    status: now.kind,
    hasPassphrase: now.kind === 'open' ? now.hasPassphrase : now.kind === 'locked'
  }
}

async function acceptInvite(
  client: DeadDropClient,
  params: JsonObject,
  deadline: AbortSignal
): Promise<JsonValue> {
  const link = readString(params, 'link')
  const name = readOptional(params, 'name', readString)
  if (client.snapshot().profile === null && name !== undefined) {
    client.inspectInvite(link) // a broken link must not leave an identity behind
    await client.createIdentity(name)
  }
  const begun = await client.acceptInvite(link)
  const acceptance = await settled(client, begun.id, deadline)
  if (acceptance.step === 'failed') {
    throw new DeadDropError(acceptance.error ?? 'internal', 'the invite cannot be accepted')
  }
  if (acceptance.conversation === null) {
    throw new DeadDropError(
      'invite-unreachable',
      `no node of the invite answered within ${ACCEPT_TIMEOUT_MS / 1_000} s; accepting goes on in the background`
    )
  }
  return { conversation: acceptance.conversation, name: acceptance.inviterName }
}

/** Waits until the acceptance is done or has failed, or the deadline is over. */
function settled(client: DeadDropClient, id: string, deadline: AbortSignal): Promise<Acceptance> {
  const { promise, resolve, reject } = Promise.withResolvers<Acceptance>()
  const finished = new AbortController()
  const look = (isLate: boolean): void => {
    const acceptance = client.snapshot().acceptances.find((candidate) => candidate.id === id)
    if (acceptance === undefined) {
      reject(new DeadDropError('stopped', 'accepting was cancelled'))
    } else if (isLate || acceptance.step === 'done' || acceptance.step === 'failed') {
      resolve(acceptance)
    }
  }
  client.addEventListener(
    'change',
    () => {
      look(false)
    },
    { signal: finished.signal }
  )
  deadline.addEventListener(
    'abort',
    () => {
      look(true)
    },
    { signal: finished.signal }
  )
  look(deadline.aborted)
  return promise.finally(() => {
    finished.abort()
  })
}

export function describeConversation(conversation: ConversationSummary): JsonObject {
  const { id, title, contact, connection, unread, activityAtMs } = conversation
  return { id, title, contact: { ...contact }, connection, unread, activityAt: activityAtMs }
}

export function describeMessage(message: MessageView): JsonObject {
  return {
    id: message.id,
    author: message.author.userId,
    authorName: message.author.name,
    isOwn: message.isOwn,
    text: message.text,
    sentAt: message.sentAtMs,
    status: message.status
  }
}

function describeNetwork(client: DeadDropClient): JsonObject {
  const { connection, network, nodes } = client.snapshot()
  return {
    status: connection,
    peerId: network?.peerId ?? null,
    peers: (network?.peers ?? []).map((peer) => ({ ...peer })),
    nodes: nodes.map((node) => ({ ...node }))
  }
}

function readString(params: JsonObject, name: string): string {
  const value = params[name]
  if (typeof value !== 'string')
    throw new DeadDropError('request-malformed', `parameter ${name} must be a string`)
  return value
}

function readCount(params: JsonObject, name: string): number {
  const value = params[name]
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_LIST) {
    throw new DeadDropError(
      'request-malformed',
      `parameter ${name} must be an integer in 1..${MAX_LIST}`
    )
  }
  return value
}

function readOptional<T>(
  params: JsonObject,
  name: string,
  read: (params: JsonObject, name: string) => T
): T | undefined {
  return params[name] === undefined ? undefined : read(params, name)
}
