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

/** Most segments of one chain. Segment number times {@link MAX_LAMPORT_TIME} plus Lamport time stays a safe integer. Enforced by the segmented log: the last segment is not left. */
export const MAX_SEGMENTS = 8_191

/** Largest order time, which is segment number times {@link MAX_LAMPORT_TIME} plus Lamport time. Enforced by the codecs of the history. */
export const MAX_ORDER_TIME = MAX_SEGMENTS * MAX_LAMPORT_TIME

/**
 * Entries after which a segment is left for the next one. No sender puts more into one segment, and that many messages of a
 * sender may be missing (`MAX_SKIPPED_MESSAGES`): a segment that is lost never closes those after it. Kept by who appends;
 * members who do not hear of each other may overshoot together, which nodes tolerate up to 12,000.
 */
export const MAX_SEGMENT_ENTRIES = 5_000

/** Bytes after which a segment is left: three quarters of what a node holds of one log. Kept by who appends. */
export const MAX_SEGMENT_BYTES = 48 * 2 ** 20

/** Age after which a segment is left, counted from when its first entry was seen, ms. Bounds what a later drop takes away. Kept by who appends. */
export const MAX_SEGMENT_AGE_MS = 30 * 24 * 60 * 60_000

/** Segments of one chain that are open at a time, the empty next one included; the oldest is closed first. Kept by the segmented log. */
export const MAX_OPEN_SEGMENTS = 8

/** How long a segment stays open for late entries after it was left, ms; later ones are fetched by a visit. Kept by the segmented log. */
export const LATE_ENTRIES_MS = 7 * 24 * 60 * 60_000

/** How long a segment that was left and opened stays on the disk of a device, ms. Kept by the client. */
export const SEGMENT_RETENTION_MS = 90 * 24 * 60 * 60_000

/** Longest text of one message, UTF-8 bytes; with MLS framing and padding it stays under {@link MAX_SEALED_BYTES}. Enforced by `composeMessage`. */
export const MAX_TEXT_BYTES = 8_000

/** Longest display name, Unicode code points. Enforced where a name is set and where one is received. */
export const MAX_NAME_CHARACTERS = 64

/** Shortest passphrase, Unicode code points: shorter ones are guessed. Enforced where one is set. */
export const MIN_PASSPHRASE_CHARACTERS = 8

/** Longest passphrase, Unicode code points. Enforced where one is set, and before one is stretched. */
export const MAX_PASSPHRASE_CHARACTERS = 1_024

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

/** Most logs in one digest; who has more sends several. Enforced before decoding. */
export const MAX_DIGEST_LOGS = 1_024

/** A sync stream without progress is aborted after this time. */
export const SYNC_IDLE_TIMEOUT_MS = 10_000

/** Longest time a pin request may take at the client, ms. */
export const PIN_TIMEOUT_MS = 15_000

/** Most nodes named by an invite link, so that it stays scannable as a QR code. */
export const MAX_INVITE_NODES = 2

/** Longest invite link payload, base64url characters. Enforced before decoding. */
export const MAX_INVITE_CHARACTERS = 1_024

/** Longest safety code, characters with its prefix, so that it stays scannable as a QR code. Enforced before decoding. */
export const MAX_SAFETY_CODE_CHARACTERS = 128

/** Deepest nesting of CBOR that we decode. */
export const MAX_CBOR_DEPTH = 8

/** RTCPeerConnections that one page may create: Chromium refuses the 501st, closed ones count. Enforced by the direct dialer. */
export const MAX_PEER_CONNECTIONS_PER_PAGE = 300

/** Longest file that is read as an archive, UTF-16 units: some hundred megabytes of memory. Enforced before it is read. */
export const MAX_ARCHIVE_CHARACTERS = 134_217_728

/** Most messages of one archive file. Enforced while it is read. */
export const MAX_ARCHIVE_MESSAGES = 250_000

/** Most conversations of one archive file. Enforced while it is read. */
export const MAX_ARCHIVE_CONVERSATIONS = 1_000

/** Most people in one conversation of an archive. Enforced while it is read. */
export const MAX_ARCHIVE_PARTICIPANTS = 1_024

/** Largest JSON of one archived message, UTF-16 units; a larger one is skipped. Bounds the time of one slice. */
export const MAX_ARCHIVE_ITEM_CHARACTERS = 1_048_576

/** Most of an archive's JSON outside of its messages, UTF-16 units. Bounds the time of one slice. */
export const MAX_ARCHIVE_HEADER_CHARACTERS = 4_194_304

/** Deepest nesting of an archive's JSON. Enforced while it is read. */
export const MAX_ARCHIVE_DEPTH = 64
