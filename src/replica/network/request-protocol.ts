import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { DeadDropError, isDeadDropError } from '#protocol/errors.ts'
import type { Replica } from '../replica.ts'
import { abortable } from './abortable.ts'
import type { NetworkServices } from './network-platform.ts'
import { readMessage, sendMessage } from './stream-messages.ts'

/** Requests of one protocol that one connection may have open. */
const MAX_INBOUND_STREAMS = 32

/** A request must have arrived whole in this time, ms. */
const READ_TIMEOUT_MS = 10_000

/** The handler must have answered, and the answer be gone, in this time after the request, ms. */
const ANSWER_TIMEOUT_MS = 30_000

export type RequestProtocol = Pick<Replica, 'request' | 'handle' | 'requestCounters'>

/** One message there, one message back, over a stream of its own. */
export function createRequestProtocol(
  components: {
    readonly libp2p: Libp2p<NetworkServices>
    readonly isConnected: (peerId: string) => boolean
  },
  stopped: AbortSignal
): RequestProtocol {
  const { libp2p, isConnected } = components
  let refusedRequests = 0
  let failedHandlers = 0

  async function answer(
    stream: Stream,
    connection: Connection,
    maxBytes: number,
    handler: (message: Uint8Array, from: string) => Promise<Uint8Array>
  ): Promise<void> {
    let message: Uint8Array
    try {
      message = await readMessage(
        stream,
        maxBytes,
        AbortSignal.any([stopped, AbortSignal.timeout(READ_TIMEOUT_MS)])
      )
    } catch {
      refusedRequests++
      stream.abort(new Error('request refused'))
      return
    }
    const deadline = AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_TIMEOUT_MS)])
    try {
      const reply = await abortable(handler(message, connection.remotePeer.toString()), deadline)
      await sendMessage(stream, reply, deadline)
    } catch {
      failedHandlers++
      stream.abort(new Error('request failed'))
    }
  }

  async function openStream(
    peerId: string,
    protocol: string,
    signal: AbortSignal
  ): Promise<Stream> {
    try {
      return await libp2p.dialProtocol(peerIdFromString(peerId), protocol, {
        signal,
        runOnLimitedConnection: false
      })
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'UnsupportedProtocolError') {
        throw new DeadDropError('node-misbehaved', 'node does not speak the protocol', { cause })
      }
      throw new DeadDropError('node-unreachable', 'node cannot be reached', { cause })
    }
  }

  return {
    requestCounters: () => ({ refusedRequests, failedHandlers }),
    request: async (peerId, protocol, message, { maxAnswerBytes, signal }) => {
      const deadline = AbortSignal.any([stopped, signal])
      const stream = await openStream(peerId, protocol, deadline)
      try {
        const reply = readMessage(stream, maxAnswerBytes, deadline)
        // Reading starts first, so that an early answer is not lost; its failure is the one that counts.
        await Promise.race([sendMessage(stream, message, deadline), reply])
        return await reply
      } catch (cause) {
        stream.abort(new Error('request failed'))
        if (!deadline.aborted && (isDeadDropError(cause) || isConnected(peerId))) {
          throw new DeadDropError('node-misbehaved', 'node gave no readable answer', { cause })
        }
        throw new DeadDropError('node-unreachable', 'node did not answer in time', { cause })
      }
    },
    handle: async (protocol, { maxBytes }, handler) => {
      await libp2p.handle(
        protocol,
        (stream, connection) => answer(stream, connection, maxBytes, handler),
        { maxInboundStreams: MAX_INBOUND_STREAMS, runOnLimitedConnection: false }
      )
    }
  }
}
