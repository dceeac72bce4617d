/** The systems that can be measured. */
export const CONTENDERS = ['deaddrop', 'stock'] as const

export type ContenderName = (typeof CONTENDERS)[number]

/** What the report calls the rival. */
export const RIVAL_NAME = 'OrbitDB 4.0.0'

/** A short message, sealed and padded, bytes. */
export const PAYLOAD_BYTES = 300

/** One replicated log of a contender. */
export interface ContenderLog {
  /** Lets another peer of the same contender open the log. */
  readonly token: string
  /** Resolves when the contender calls the entry stored. @returns its hash. */
  append(payload: Uint8Array): Promise<string>
  /** Told of each entry that another peer wrote, when the contender announces it to its application. */
  onReceived(listener: (payload: Uint8Array) => void): void
  /** Resolves when the entry of `hash` and all its ancestors are stored. */
  waitFor(hash: string, signal: AbortSignal): Promise<void>
  /** Entries that are stored. */
  count(): Promise<number>
  /** Bytes of the entries that are stored, the contender's own fields included. */
  bytes(): Promise<number>
  /** Payloads of the newest `count` entries, in any order. */
  newest(count: number): Promise<readonly Uint8Array[]>
}

/** A system under measurement: a started peer. The measuring around it is the same for all. */
export interface Contender {
  /** Under which a peer of the same contender can dial this one. Resolves when there is one. */
  addresses(): Promise<readonly string[]>
  /** Resolves when an unlimited connection stands. */
  dial(addresses: readonly string[]): Promise<void>
  createLog(): Promise<ContenderLog>
  openLog(token: string): Promise<ContenderLog>
  stop(): Promise<void>
}

export interface Filled {
  /** Time that the appends took, ms. */
  readonly ms: number
  /** Hash of the last entry. */
  readonly head: string
}

export interface CaughtUp {
  /** Until all entries were stored, ms. */
  readonly ms: number
  /** Until {@link USABLE_ENTRIES} entries were announced to the application; `ms` where they never were. */
  readonly usableMs: number
}

/** A screen full of messages. */
export const USABLE_ENTRIES = 50

/** What a bench can ask of a peer in another process or in a page: arguments and results cross as JSON. */
export interface BenchPeer {
  addresses(): Promise<readonly string[]>
  dial(addresses: readonly string[]): Promise<void>
  /** @returns the token of a new log. */
  createLog(): Promise<string>
  openLog(token: string): Promise<void>
  /** Appends one after the other, as fast as it goes. */
  fill(token: string, count: number, payloadBytes: number): Promise<Filled>
  /** Appends entries that carry the time at which their append began, one every `gapMs`. */
  say(token: string, count: number, payloadBytes: number, gapMs: number): Promise<void>
  /** Waits until `count` entries of {@link say} came, then takes them. @returns ms from append to announcement, each. */
  hear(token: string, count: number): Promise<readonly number[]>
  /**
   * Entries of {@link say} that others wrote at `sinceMs` or later, as soon as there are `count`, and what there is after
   * `timeoutMs` at the latest. @returns ms from append to announcement, each.
   */
  heardSince(
    token: string,
    sinceMs: number,
    count: number,
    timeoutMs: number
  ): Promise<readonly number[]>
  /**
   * Opens a log that others hold and waits until all of it is here.
   *
   * @returns times from the call of open.
   * @throws {Error} when the number of entries is not `count` then.
   */
  catchUp(token: string, head: string, count: number): Promise<CaughtUp>
  /** Waits until the entry of `head` and all its ancestors are stored. */
  waitFor(token: string, head: string): Promise<void>
  /** Bytes of all entries of a log. */
  bytes(token: string): Promise<number>
  /**
   * Opens a log that is stored here and reads its newest `count` entries.
   *
   * @returns ms from the call of open.
   * @throws {Error} when there are fewer.
   */
  reopen(token: string, count: number): Promise<number>
}

export const BENCH_PEER_METHODS = [
  'addresses',
  'dial',
  'createLog',
  'openLog',
  'fill',
  'say',
  'hear',
  'heardSince',
  'catchUp',
  'waitFor',
  'bytes',
  'reopen'
] as const satisfies readonly (keyof BenchPeer)[]

/** A peer that lives elsewhere. */
export function createRemotePeer(
  call: (method: keyof BenchPeer, args: readonly unknown[]) => Promise<unknown>
): BenchPeer {
  const methods = BENCH_PEER_METHODS.map((method) => [
    method,
    (...args: readonly unknown[]) => call(method, args)
  ])
  return Object.fromEntries(methods) as BenchPeer
}

/** Where a peer lives: does what {@link createRemotePeer} asked for. */
export function callPeer(
  peer: BenchPeer,
  method: keyof BenchPeer,
  args: readonly unknown[]
): Promise<unknown> {
  const methods = peer as unknown as Readonly<
    Record<keyof BenchPeer, (...values: readonly unknown[]) => Promise<unknown>>
  >
  return methods[method](...args)
}
