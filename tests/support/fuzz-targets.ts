import { bytesToHex, concatBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { readAppConfig } from '#client/app-config.ts'
import { parseJsonRpc } from '#headless/json-rpc.ts'
import { readLines } from '#headless/read-lines.ts'
import { decodeLive, encodeLive } from '#messaging/live-codec.ts'
import { decodeContent, encodeContent } from '#messaging/message-codec.ts'
import { decodeCanonical, encodeCanonical, readBytes, readList, readMap } from '#protocol/cbor.ts'
import { readDisplayName } from '#protocol/display-name.ts'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import { MAX_PIN_MESSAGE_BYTES, MAX_SYNC_FRAME_BYTES } from '#protocol/limits.ts'
import { encodeLiveFrame, readLiveFrame } from '#protocol/live-frame.ts'
import { hashOfBlock, readEntryHash, readLogAddress } from '#protocol/log-manifest.ts'
import { publicKeyOfPeerId } from '#protocol/peer-id.ts'
import {
  decodePinAnswer,
  decodePinReceipt,
  decodePinRequest,
  encodePinAnswer,
  encodePinRequest,
  signPinReceipt,
  verifyPinReceipt,
  verifyPinRequest
} from '#protocol/pin-codec.ts'
import type { PinReceipt } from '#protocol/pin-messages.ts'
import { SIGNATURE_CONTEXT } from '#protocol/protocol-ids.ts'
import { createSystemClock } from '#replica/network/clock.ts'
import { readMessage } from '#replica/network/stream-messages.ts'
import { createEntryRules, readStoredEntry } from '#replica/orbitdb/entry-rules.ts'
import { openOrbitLog } from '#replica/orbitdb/orbit-log.ts'
import type { OrbitLog } from '#replica/orbitdb/orbit-log.ts'
import { unpackEntries } from '#replica/orbitdb/packed-entries.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import {
  decodeComparisons,
  decodeDigest,
  encodeComparisons,
  encodeDigest
} from '#replica/sync/digest-messages.ts'
import type { Digest } from '#replica/sync/digest-messages.ts'
import { answerDigest } from '#replica/sync/digest-protocol.ts'
import { answerExchange } from '#replica/sync/exchange.ts'
import { createFrameStream } from '#replica/sync/frame-stream.ts'
import { splitHeads } from '#replica/sync/stock-heads.ts'
import { decodeSyncMessage, encodeSyncMessage } from '#replica/sync/sync-messages.ts'
import { signStatement } from '#sealing/device-statement.ts'
import { dropOf } from '#sealing/drop.ts'
import { openEnvelope, sealEnvelope } from '#sealing/envelope.ts'
import { createIdentity, redactIdentity } from '#sealing/identity.ts'
import { readInvite } from '#sealing/invite-link.ts'
import { acceptInvite, createInvite, openBundle, openWelcome } from '#sealing/invite.ts'
import { createMls } from '#sealing/mls/mls.ts'
import { joinSession } from '#sealing/session.ts'
import { anyAltered, anyBytesLike, anyChunksOf, anyTextLike } from './fuzz-inputs.ts'
import { createPlayedStream } from './fuzz-stream.ts'
import { peerWithKey } from './pin-fixtures.ts'
import { forgeEntry } from './replica-forge.ts'
import type { ForgedFields } from './replica-forge.ts'
import { createTestGate, sealText } from './replica-gate.ts'
import { entriesMessage } from './replica-pack.ts'
import {
  DAY_MS,
  foundConversation,
  NODE,
  NOW_MS,
  plain,
  sealedOf,
  sealingComponents
} from './sealing-world.ts'

/** What a decoder said of one input. Anything else that it does is a failure of the fuzz test. */
export type Verdict = 'taken' | 'refused'

export interface FuzzTally {
  readonly name: string
  readonly taken: number
  readonly refused: number
  readonly slowestMs: number
}

export interface FuzzTarget {
  readonly name: string
  /** Share of the inputs. What costs milliseconds each gets fewer. */
  readonly weight: number
  /** @throws with the seed and the smallest failing input when the decoder breaks its promise. */
  check(inputs: number, seed: number): Promise<FuzzTally>
}

function target<T>(
  name: string,
  weight: number,
  input: fc.Arbitrary<T>,
  run: (input: T) => Promise<Verdict> | Verdict
): FuzzTarget {
  return {
    name,
    weight,
    async check(inputs, seed) {
      const tally = { name, taken: 0, refused: 0, slowestMs: 0 }
      await fc.assert(
        fc.asyncProperty(input, async (value) => {
          const startMs = performance.now()
          tally[await run(value)]++
          tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startMs)
        }),
        { numRuns: inputs, seed }
      )
      return tally
    }
  }
}

/** For readers whose refusal is a `DeadDropError`. */
async function unlessRefused(read: () => unknown): Promise<Verdict> {
  try {
    await read()
    return 'taken'
  } catch (error) {
    if (isDeadDropError(error) && error.code !== 'internal') return 'refused'
    throw error
  }
}

function ifDefined(value: unknown): Verdict {
  return value === undefined ? 'refused' : 'taken'
}

/** Every decoder of bytes or text that somebody else wrote, with valid samples of what it reads. */
export async function createFuzzTargets(): Promise<readonly FuzzTarget[]> {
  return [
    ...(await protocolTargets()),
    ...(await replicaTargets()),
    ...messagingTargets(),
    ...(await sealingTargets()),
    ...hostTargets()
  ]
}

async function protocolTargets(): Promise<FuzzTarget[]> {
  const verifier = createSignatureVerifier()
  const gate = createTestGate()
  const writer = gate.admitWriter()
  const node = peerWithKey(1)
  const nonce = bytesToHex(crypto.getRandomValues(new Uint8Array(16)))
  const heads = [hashOfBlock(Uint8Array.of(1)), hashOfBlock(Uint8Array.of(2))]
  const receipt: PinReceipt = {
    node: node.peerId,
    log: gate.address,
    heads,
    entries: 12,
    bytes: 3_456,
    issuedAtMs: NOW_MS,
    heldUntilMs: NOW_MS + DAY_MS,
    nonce
  }
  const signed = await signPinReceipt(receipt, (message) => node.sign(message))
  const requests = await Promise.all(
    (['conversation', 'drop'] as const).map((kind) =>
      encodePinRequest(
        {
          manifest: gate.manifest,
          kind,
          node: node.peerId,
          nonce,
          holdForMs: DAY_MS,
          heads,
          writer: writer.publicKey,
          certificate: writer.certificate
        },
        writer
      )
    )
  )
  const answers = [
    encodePinAnswer({ kind: 'held', receipt: signed }),
    encodePinAnswer({ kind: 'refuse', status: 'over-quota' })
  ]
  const live = await encodeLiveFrame(writer, gate.address, {
    timeMs: NOW_MS,
    sealed: sealText('here')
  })
  const samples = [...requests, ...answers, signed.bytes, live]
  return [
    target('canonical CBOR', 8, anyBytesLike(samples), (bytes) =>
      unlessRefused(() => decodeCanonical(bytes, MAX_PIN_MESSAGE_BYTES))
    ),
    target('pin request', 8, anyBytesLike(requests), (bytes) =>
      unlessRefused(async () => {
        const request = decodePinRequest(bytes)
        await verifyPinRequest(verifier, request)
      })
    ),
    target('pin answer', 8, anyBytesLike(answers), (bytes) =>
      unlessRefused(async () => {
        const answer = decodePinAnswer(bytes)
        if (answer.kind === 'held') {
          const expected = { node: node.peerId, nonce, log: gate.address }
          await verifyPinReceipt(verifier, answer.receipt, expected)
        }
      })
    ),
    target('pin receipt', 6, anyBytesLike([signed.bytes]), (bytes) =>
      unlessRefused(() => decodePinReceipt(bytes))
    ),
    target('live frame', 6, anyBytesLike([live]), async (bytes) =>
      ifDefined(await readLiveFrame(verifier, gate.manifest, gate.address, bytes))
    ),
    target('log address', 3, anyTextLike([gate.address]), (text) =>
      unlessRefused(() => readLogAddress(text))
    ),
    target('entry hash', 3, anyTextLike(heads), (text) => unlessRefused(() => readEntryHash(text))),
    target('peer id', 3, anyTextLike([node.peerId]), (text) => ifDefined(publicKeyOfPeerId(text))),
    target('display name', 3, anyTextLike(['Alice', 'Ünï ⚓ cödé', ' a\u200db ']), (text) =>
      unlessRefused(() => readDisplayName(text))
    )
  ]
}

async function replicaTargets(): Promise<FuzzTarget[]> {
  const verifier = createSignatureVerifier()
  const clock = createSystemClock()
  const gate = createTestGate()
  const writer = gate.admitWriter()
  const rules = createEntryRules({ verifier }, gate)
  /** A log with a few entries, and little room for more. */
  async function openLog(): Promise<OrbitLog> {
    const opened = await openOrbitLog(
      {
        store: createMemoryStore(),
        verifier,
        publishEntry: () => undefined,
        publishLive: async () => undefined,
        onClosed: () => undefined
      },
      gate.manifest
    )
    opened.grant({ writer, mayStore: ({ entries: count }) => count <= 100 })
    for (let count = 0; count < 12; count++) await opened.append(sealText(`entry ${String(count)}`))
    return opened
  }
  const log = await openLog()
  /** Nothing is ever added to it, so that a peer who has the same has nothing to acknowledge. */
  const steady = await openLog()
  steady.grant({ mayStore: () => false })
  const entries = [...(await steady.headBlocks(64))]
  for await (const page of steady.missingFrom([])) entries.push(...page.map(({ bytes }) => bytes))
  const messages = [
    encodeSyncMessage({ type: 'have', address: gate.address, ...(await steady.have()) }),
    encodeSyncMessage(entriesMessage(entries.slice(0, 4))),
    encodeSyncMessage({ type: 'ack' }),
    encodeSyncMessage({ type: 'end' }),
    encodeSyncMessage({ type: 'refuse' })
  ]
  const [offer = new Uint8Array()] = messages
  const anyMessage = anyBytesLike(messages)
  const messageFrame = (at: number): Uint8Array => frameOf(messages[at] ?? offer)
  const anyFrames = fc
    .array(anyMessage, { maxLength: 4 })
    .map((bodies) => concatBytes(...bodies.map(frameOf)))
  const anyHonest = fc
    .array(fc.constant(messageFrame(1)), { maxLength: 2 })
    .map((frames) => concatBytes(...frames, messageFrame(3)))
  const anyStream = fc.oneof(anyHonest, anyFrames, anyBytesLike(messages.map(frameOf)))
  const hashes = entries.map(hashOfBlock)
  const items = [1n, 2n, 2n ** 64n - 1n].map((tag) => ({ tag, fingerprint: tag }))
  const digest = encodeDigest({ salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), items })
  const comparisons = ['unknown', 'same', 'different', 'same', 'same'] as const
  const anyField = anyAltered([entries[0] ?? offer])

  return [
    target('entry', 10, anyBytesLike(entries), async (bytes) => {
      readStoredEntry(bytes, hashOfBlock(bytes))
      return (await rules.check(bytes)).ok ? 'taken' : 'refused'
    }),
    target(
      'entry signed by an admitted writer',
      3,
      fc.record<ForgedFields>(
        {
          payload: fc.oneof(
            fc.uint8Array({ minLength: 1, maxLength: 300 }).map((value) => ({
              op: 'ADD',
              key: null,
              value
            })),
            fc.anything().map(encodable)
          ),
          next: fc.array(
            fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...hashes) }, fc.string()),
            { maxLength: 3 }
          ),
          refs: fc.oneof(fc.constant([]), fc.anything().map(encodable)),
          clock: fc.oneof(
            fc.record({ id: fc.constant(writer.publicKey), time: fc.anything().map(encodable) }),
            fc.anything().map(encodable)
          ),
          v: fc.oneof(fc.constant(2), fc.anything().map(encodable)),
          id: fc.oneof(fc.constant(gate.address), fc.string())
        },
        { requiredKeys: [] }
      ),
      async (fields) => {
        const bytes = await forgeEntry(gate.address, writer, fields)
        const judgement = await log.judge(bytes)
        if (judgement.kind !== 'valid') return 'refused'
        await log.ingest([judgement.entry])
        return 'taken'
      }
    ),
    target(
      'packed entries',
      8,
      anyBytesLike([entriesMessage(entries).packed, entriesMessage(entries.slice(0, 2)).packed]),
      (bytes) =>
        unlessRefused(() => unpackEntries(bytes, { address: gate.address, hashOf: hashOfBlock }))
    ),
    target('digest', 6, anyBytesLike([digest]), (bytes) =>
      unlessRefused(() => decodeDigest(bytes))
    ),
    target('answer to a digest', 3, anyBytesLike([encodeComparisons(comparisons)]), (bytes) =>
      unlessRefused(() => decodeComparisons(bytes, comparisons.length))
    ),
    target('digest stream', 4, anyChunksOf(anyBytesLike([frameOf(digest)])), async (chunks) => {
      const stream = createPlayedStream(chunks)
      const sent: Uint8Array[] = []
      stream.send = (bytes) => sent.push(bytes.subarray()) > 0
      const compare = async (asked: Digest) => asked.items.map(() => 'same' as const)
      await answerDigest(stream, compare, AbortSignal.timeout(5_000))
      return sent.length > 0 ? 'taken' : 'refused'
    }),
    target('sync message', 8, anyMessage, (bytes) => unlessRefused(() => decodeSyncMessage(bytes))),
    target('sync frames', 6, anyChunksOf(anyStream), async (chunks) => {
      const frames = createFrameStream(
        { stream: createPlayedStream(chunks), clock },
        { maxFrameBytes: MAX_SYNC_FRAME_BYTES, idleTimeoutMs: 5_000 }
      )
      return unlessRefused(async () => {
        while ((await frames.read()) !== undefined) continue
      })
    }),
    target(
      'sync exchange',
      4,
      anyChunksOf(anyStream.map((bytes) => concatBytes(frameOf(offer), bytes))),
      async (chunks) => {
        const frames = createFrameStream(
          { stream: createPlayedStream(chunks), clock },
          { maxFrameBytes: MAX_SYNC_FRAME_BYTES, idleTimeoutMs: 5_000 }
        )
        const answered = await answerExchange(frames, (address) =>
          address === gate.address ? steady : undefined
        )
        return answered?.outcome.kind === 'settled' ? 'taken' : 'refused'
      }
    ),
    target('request frame', 4, anyChunksOf(anyBytesLike(messages.map(frameOf))), async (chunks) =>
      unlessRefused(() =>
        readMessage(createPlayedStream(chunks), MAX_PIN_MESSAGE_BYTES, AbortSignal.timeout(5_000))
      )
    ),
    target('heads of a stock peer', 4, anyBytesLike(entries), (bytes) =>
      splitHeads(bytes).length > 0 ? 'taken' : 'refused'
    ),
    target('entry, one field altered', 4, anyField, async (bytes) =>
      (await rules.check(bytes)).ok ? 'taken' : 'refused'
    )
  ]
}

function messagingTargets(): FuzzTarget[] {
  const id = '00112233445566778899aabbccddeeff'
  const contents = [
    encodeContent({ kind: 'text', id, sentAtMs: NOW_MS, text: 'Hello, wörld ⚓' }),
    encodeContent({ kind: 'receipt', delivered: [id], read: [id], atMs: NOW_MS }),
    encodeContent({ kind: 'profile', name: 'Alice' })
  ]
  const presence = encodeLive({
    kind: 'presence',
    peerId: peerWithKey(1).peerId,
    multiaddrs: [NODE],
    wantsAnswer: true,
    atMs: NOW_MS,
    counter: 3
  })
  return [
    target('message content', 8, anyBytesLike(contents), (bytes) => {
      const content = decodeContent(plainOf(bytes))
      if (content.kind === 'malformed') return 'refused'
      // What is taken is written back: by the outbox, by the history.
      encodeContent(content)
      return 'taken'
    }),
    target('live content', 8, anyBytesLike([presence]), (bytes) =>
      decodeLive(plainOf(bytes)).kind === 'malformed' ? 'refused' : 'taken'
    )
  ]
}

async function sealingTargets(): Promise<FuzzTarget[]> {
  const components = sealingComponents()
  const mls = await createMls(components)
  const alice = createIdentity(components)
  const bob = createIdentity(components)
  const made = await createInvite(components, {
    identity: alice,
    name: 'Alice',
    nodes: [NODE],
    expiresAtMs: NOW_MS + DAY_MS
  })
  const link = readInvite(made.payload)
  const drop = dropOf(link)
  const bundle = await openBundle(components, link, made.bundle)
  if ('refused' in bundle) throw new Error(bundle.refused)
  const accepted = await acceptInvite(components, {
    identity: bob,
    name: 'Bob',
    invite: link,
    bundle
  })
  const statement = openEnvelope(drop.bundleKey, made.bundle)
  if (statement === undefined) throw new Error('bundle does not open')
  const bundleBody = readBytes(
    readMap(decodeCanonical(statement, 16_384), 'statement', [
      'root',
      'device',
      'deviceId',
      'notAfter',
      'certificate',
      'body',
      'signature'
    ])['body'],
    'body',
    1,
    16_384
  )

  const { alice: session, bob: peer } = await foundConversation(components)
  const sealed = await peer.seal(plain('hello'))
  const frozen = readMap(decodeCanonical(session.freeze(), 2 ** 20), 'session', [
    'v',
    'group',
    'chain',
    'epochs'
  ])
  const [envelopeKey] = readList(frozen['epochs'], 'epochs', 64, (epoch) =>
    readBytes(
      readMap(epoch, 'epoch', ['id', 'envelope', 'live', 'mls', 'skipped'])['envelope'],
      'key',
      32
    )
  )
  if (envelopeKey === undefined) throw new Error('session has no epoch')
  const mlsMessage = openEnvelope(envelopeKey, sealed)
  if (mlsMessage === undefined) throw new Error('envelope does not open')
  const own = await mls.createKeyPackage(alice)
  const founded = await mls.createGroupOfTwo(
    components.random(16),
    await mls.createKeyPackage(bob),
    own.publicBytes
  )

  return [
    target(
      'invite link',
      8,
      anyTextLike([made.payload, `https://example.org/#/invite/${made.payload}`]),
      (text) => unlessRefused(() => readInvite(text))
    ),
    target('envelope', 4, anyBytesLike([made.bundle, sealed]), (bytes) =>
      ifDefined(openEnvelope(drop.bundleKey, bytes))
    ),
    target('bundle', 0.5, anyBytesLike([made.bundle]), async (bytes) =>
      'refused' in (await openBundle(components, link, bytes)) ? 'refused' : 'taken'
    ),
    target(
      'bundle sealed with the key of the link',
      0.5,
      anyBytesLike([statement]),
      async (bytes) =>
        verdictOfSealed(bytes, async (content) =>
          openBundle(components, link, sealEnvelope(components, drop.bundleKey, content))
        )
    ),
    target('bundle signed by the inviter', 0.5, anyBytesLike([bundleBody]), async (body) =>
      verdictOfSealed(
        await signStatement(alice, {
          context: SIGNATURE_CONTEXT.inviteBundle,
          place: drop.address,
          body
        }),
        async (content) =>
          openBundle(components, link, sealEnvelope(components, drop.bundleKey, content))
      )
    ),
    target('welcome packet', 0.1, anyBytesLike([accepted.welcome]), async (bytes) =>
      'refused' in
      (await openWelcome(components, { identity: alice, invite: made.invite, sealed: bytes }))
        ? 'refused'
        : 'taken'
    ),
    target('MLS Welcome', 0.3, anyBytesLike([founded.welcome]), async (welcome) =>
      'refused' in
      (await joinSession(components, {
        identity: alice,
        contact: redactIdentity(bob),
        keyPackage: own,
        welcome
      }))
        ? 'refused'
        : 'taken'
    ),
    target('MLS key package', 1, anyBytesLike([own.publicBytes]), async (bytes) =>
      ifDefined(await mls.readKeyPackage(bytes))
    ),
    target(
      'MLS message sealed for the conversation',
      1,
      anyBytesLike([mlsMessage]),
      async (bytes) =>
        verdictOfSealed(bytes, async (content) => {
          const opened = await session.open(
            sealedOf(sealEnvelope(components, envelopeKey, content))
          )
          return opened.kind === 'opened' ? {} : { refused: opened.kind }
        })
    )
  ]
}

function hostTargets(): FuzzTarget[] {
  const config = JSON.stringify({
    nodes: [NODE],
    iceServers: [{ urls: ['stun:stun.example.org'], username: 'a', credential: 'b' }]
  })
  const overlong = 'x'.repeat(2 ** 20 + 1)
  const lines = [
    '{"jsonrpc":"2.0","id":1,"method":"message.send","params":{"text":"hello"}}',
    '[{"jsonrpc":"2.0","method":"network.status"},{"jsonrpc":"2.0","id":"a","method":"x"}]'
  ]
  const anyChunks = fc.array(
    fc.oneof(
      { weight: 200, arbitrary: anyTextLike([...lines, '\n', '\n\n']) },
      { weight: 1, arbitrary: fc.constant(overlong) }
    )
  )
  return [
    target('app config', 4, anyTextLike([config]), (text) => {
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        return 'refused'
      }
      return readAppConfig(value).complaints.length === 0 ? 'taken' : 'refused'
    }),
    target('app config, any value', 4, fc.anything(), (value) =>
      readAppConfig(value).complaints.length === 0 ? 'taken' : 'refused'
    ),
    target('JSON-RPC line', 8, anyTextLike(lines), (line) =>
      parseJsonRpc(line).every(({ kind }) => kind === 'request') ? 'taken' : 'refused'
    ),
    target('lines of standard input', 4, anyChunks, async (chunks) => {
      const source = async function* (): AsyncGenerator<string> {
        yield* chunks
      }
      const read: (string | null)[] = []
      for await (const line of readLines(source())) read.push(line)
      return read.join('\n') === chunks.join('').replace(/\n$/, '') ? 'taken' : 'refused'
    })
  ]
}

/** What does not fit an envelope is not sent. */
async function verdictOfSealed(
  content: Uint8Array,
  open: (content: Uint8Array) => Promise<object>
): Promise<Verdict> {
  if (content.byteLength > 9_000) return 'refused'
  return 'refused' in (await open(content)) ? 'refused' : 'taken'
}

function frameOf(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.byteLength)
  new DataView(frame.buffer).setUint32(0, body.byteLength)
  frame.set(body, 4)
  return frame
}

function plainOf(bytes: Uint8Array): ReturnType<typeof plain> {
  return bytes as ReturnType<typeof plain>
}

/** The value if CBOR has a form for it. */
function encodable(value: unknown): unknown {
  try {
    encodeCanonical(value as Parameters<typeof encodeCanonical>[0])
    return value
  } catch {
    return typeof value
  }
}
