import type { ArchivePlace } from '#messaging/archive/archive.ts'
import type {
  Acceptance,
  ConversationSummary,
  DeadDropClient,
  MessageView
} from '#client/client.ts'
import type { Device } from '#client/device.ts'
import { DeadDropError } from '#protocol/errors.ts'
import { MAX_ARCHIVE_CHARACTERS } from '#protocol/limits.ts'
import type { JsonObject, JsonValue } from './json-rpc.ts'

/** How long `invite.accept` waits for the inviter's node before it answers `invite-unreachable`; accepting goes on behind it. */
const ACCEPT_TIMEOUT_MS = 30_000
const MAX_LIST = 1_000

type Method = (params: JsonObject) => Promise<JsonValue>

/** Characters of an export that one answer holds at most, with room for the escapes of JSON in a line of 1 MiB. */
const EXPORT_CHARACTERS = 262_144

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
  const transfer = createTransfer(client)
  device.addEventListener('change', () => {
    // Half an archive is plaintext, too: a locked device forgets it.
    if (device.snapshot().kind !== 'open') transfer.forget()
  })
  return new Map<string, Method>([
    ['archive.export', async (params) => transfer.next(readFlag(params, 'isFresh'))],
    ['archive.write', async (params) => transfer.write(readString(params, 'text'))],
    [
      'archive.import',
      async (params) =>
        transfer.import({
          fileName: readOptional(params, 'fileName', readString),
          self: readOptional(params, 'self', readString)
        })
    ],
    [
      'archive.delete',
      async (params) => {
        await client().deleteArchive(readString(params, 'conversation'))
        return {}
      }
    ],
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
      'conversation.safety',
      async (params) => {
        const { digits, words, code } = await client().safetyNumber(
          readString(params, 'conversation')
        )
        return { digits, words: [...words], code }
      }
    ],
    ['conversation.verify', async (params) => verifyContact(client(), params)],
    [
      'conversation.unverify',
      async (params) => {
        const conversation = readString(params, 'conversation')
        await client().setVerified(conversation, false)
        return describeVerification(client(), conversation)
      }
    ],
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

/** What is on the way out and in: files come and go in pieces, because a line is bounded. */
function createTransfer(client: () => DeadDropClient): {
  forget(): void
  next(isFresh: boolean): Promise<JsonValue>
  write(text: string): JsonValue
  import(options: {
    readonly fileName: string | undefined
    readonly self: string | undefined
  }): Promise<JsonValue>
} {
  let pieces: AsyncIterator<string> | undefined
  let rest = ''
  /** Requests may overlap; pieces may not. */
  let turn: Promise<unknown> = Promise.resolve()
  let written = ''

  async function nextPiece(isFresh: boolean): Promise<JsonValue> {
    if (isFresh || pieces === undefined) {
      rest = ''
      pieces = client().exportData()[Symbol.asyncIterator]()
    }
    const source = pieces
    let isDone = false
    while (rest.length < EXPORT_CHARACTERS && !isDone) {
      const piece = await source.next()
      if (piece.done === true) isDone = true
      else rest += piece.value
    }
    const text = rest.slice(0, EXPORT_CHARACTERS)
    rest = rest.slice(EXPORT_CHARACTERS)
    const isLast = isDone && rest === ''
    if (isLast) pieces = undefined
    return { text, isLast }
  }

  return {
    forget() {
      pieces = undefined
      rest = ''
      written = ''
    },

    next(isFresh) {
      const piece = turn.then(() => nextPiece(isFresh))
      turn = piece.catch(() => undefined)
      return piece
    },

    write(text) {
      client() // a locked device takes nothing
      if (written.length + text.length > MAX_ARCHIVE_CHARACTERS) {
        written = ''
        throw new DeadDropError(
          'archive-too-large',
          `archive is longer than ${MAX_ARCHIVE_CHARACTERS} characters; what was written of it is forgotten`
        )
      }
      written += text
      return { characters: written.length }
    },

    async import({ fileName, self }) {
      const text = written
      written = ''
      const reading = await client().readArchive(text, fileName === undefined ? {} : { fileName })
      if (reading.kind === 'refused') {
        const at = reading.place === null ? '' : ` at ${placeText(reading.place)}`
        throw new DeadDropError(reading.code, `archive cannot be read${at}`)
      }
      const { format, skipped } = reading.archive
      const conversations = await client().importArchive(
        reading.archive,
        self === undefined ? {} : { self }
      )
      return { format, conversations, skipped: { ...skipped.counts } }
    }
  }
}

function placeText(place: ArchivePlace): string {
  return place.kind === 'line' ? `line ${place.line}` : place.path
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

/** With a code this process compares; without one, whoever asks says that they did. */
async function verifyContact(client: DeadDropClient, params: JsonObject): Promise<JsonValue> {
  const conversation = readString(params, 'conversation')
  const code = readOptional(params, 'code', readString)
  let outcome: JsonValue = 'match'
  if (code === undefined) await client.setVerified(conversation, true)
  else outcome = await client.compareSafetyCode(conversation, code)
  return { outcome, ...describeVerification(client, conversation) }
}

function describeVerification(client: DeadDropClient, id: string): { verifiedAt: number | null } {
  const found = client.snapshot().conversations.find((conversation) => conversation.id === id)
  return { verifiedAt: found?.verification?.verifiedAtMs ?? null }
}

export function describeConversation(conversation: ConversationSummary): JsonObject {
  const { id, title, contact, verification, namesakes, connection, unread, activityAtMs, archive } =
    conversation
  return {
    id,
    title,
    contact: { ...contact },
    verifiedAt: verification?.verifiedAtMs ?? null,
    namesakes: namesakes.map((namesake) => namesake.conversation),
    connection,
    unread,
    activityAt: activityAtMs,
    archive: archive && { ...archive }
  }
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

function readFlag(params: JsonObject, name: string): boolean {
  const value = params[name] ?? false
  if (typeof value !== 'boolean')
    throw new DeadDropError('request-malformed', `parameter ${name} must be a boolean`)
  return value
}

function readOptional<T>(
  params: JsonObject,
  name: string,
  read: (params: JsonObject, name: string) => T
): T | undefined {
  return params[name] === undefined ? undefined : read(params, name)
}
