/**
 * Every bound of the protocol in one place: unit in the name, reason and enforcer in the comment.
 * A peer that exceeds one is refused, never truncated.
 */

/** Largest sealed envelope in an entry, bytes. Bigger heads break over WebRTC's 16 KiB messages. Enforced by the entry rules. */
export const MAX_SEALED_BYTES = 10_240

/** Largest whole entry (envelope plus OrbitDB fields with all `next` links), bytes. Enforced before decoding, by validators and sync. */
export const MAX_ENTRY_BYTES = 16_384

/** Most predecessors that one entry may name. Bounds the merge of many concurrent heads. Enforced by the entry rules. */
export const MAX_ENTRY_NEXT = 64

/** Most skip references that one entry may name. We write none; readers accept OrbitDB's default of 16. */
export const MAX_ENTRY_REFS = 16

/** Largest Lamport time, so that one hostile entry cannot exhaust the safe integers. Enforced by the entry rules. */
export const MAX_LAMPORT_TIME = 2 ** 40

/** Longest text of one message, UTF-8 bytes; with MLS framing and padding it stays under {@link MAX_SEALED_BYTES}. Enforced by `composeMessage`. */
export const MAX_TEXT_BYTES = 8_000

/** Longest display name, Unicode code points. Enforced where a name is set and where one is received. */
export const MAX_NAME_CHARACTERS = 64

/** Most message ids in one receipt. Enforced by the codec. */
export const MAX_RECEIPT_IDS = 256

/** Largest live frame (presence), bytes. Enforced by the topic validator. */
export const MAX_LIVE_FRAME_BYTES = 4_096

/** Largest request or answer of the pin protocol, bytes. Enforced while reading, before decoding. */
export const MAX_PIN_MESSAGE_BYTES = 16_384

/** Most heads that a pin request or a receipt may name. */
export const MAX_PIN_HEADS = 64

/** Largest frame of the sync protocol, bytes. Enforced while reading. */
export const MAX_SYNC_FRAME_BYTES = 131_072

/**
 * `entries` frames of the sync protocol that may be under way without an `ack`. Transports differ in how they hold a fast
 * sender back (a WebRTC channel does not), and libp2p drops a stream whose reader is 4 MiB behind. Kept by the sender; a receiver ends the exchange when it owes more acks.
 */
export const MAX_SYNC_UNACKED_FRAMES = 12

/** A sync stream without progress is aborted after this time. */
export const SYNC_IDLE_TIMEOUT_MS = 10_000

/** Longest time a pin request may take at the client, ms. */
export const PIN_TIMEOUT_MS = 15_000

/** Most nodes named by an invite link, so that it stays scannable as a QR code. */
export const MAX_INVITE_NODES = 2

/** Longest invite link payload, base64url characters. Enforced before decoding. */
export const MAX_INVITE_CHARACTERS = 1_024

/** Deepest nesting of CBOR that we decode. */
export const MAX_CBOR_DEPTH = 8

/** RTCPeerConnections that one page may create: Chromium refuses the 501st, closed ones count. Enforced by the direct dialer. */
export const MAX_PEER_CONNECTIONS_PER_PAGE = 300
