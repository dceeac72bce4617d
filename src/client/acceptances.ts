import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { History } from '#history/history.ts'
import { deleteRecord, putRecord } from '#history/record-kind.ts'
import type { Author } from '#messaging/ports.ts'
import type { SealedBytes } from '#protocol/brand.ts'
import { DeadDropError, ERROR_CODES, isDeadDropError, type ErrorCode } from '#protocol/errors.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import type { SealedLog } from '#replica/sealed-log.ts'
import { dropOf } from '#sealing/drop.ts'
import type { IdentityWithSecrets } from '#sealing/identity.ts'
import { readInvite, type Invite } from '#sealing/invite-link.ts'
import { acceptInvite, openBundle, type Bundle } from '#sealing/invite.ts'
import type { Adopted } from './adopted.ts'
import type { Acceptance, AcceptanceStep } from './client.ts'
import type { Holder } from './holder.ts'
import { acceptanceKind, conversationKind, type AcceptanceRecord } from './records.ts'
import { createRetryLoop, type RetryLoop } from './retry-loop.ts'

export interface AcceptancesComponents {
  readonly history: History
  readonly clock: Clock
  readonly randomBytes: (length: number) => Uint8Array
  /** 0..1, for jitter. */
  readonly random: () => number
}

export interface AcceptancesInit {
  readonly identity: IdentityWithSecrets
  readonly own: Author
  readonly name: () => string
  /** The conversation with this user, if there is one. */
  readonly conversationWith: (userId: string) => string | undefined
  readonly onAdopted: (adopted: Adopted) => void
  /** Steps or nodes changed. */
  readonly onChange: () => void
  /** A stored acceptance cannot be read; the others go on. */
  readonly onDamaged: () => void
}

/** Accepting invites of others: goes on for ever, also after a restart, until it is done, refused or given up. */
export interface Acceptances {
  list(): readonly Acceptance[]
  /** Nodes named by links that are being accepted. */
  nodes(): readonly string[]
  /** @throws {DeadDropError} `invite-malformed`, `invite-unsupported-version`, `invite-expired`, `invite-own`. */
  begin(link: string): Promise<Acceptance>
  cancel(id: string): Promise<void>
  attach(replica: Replica, holder: Holder): void
  networkChanged(): void
  wake(): void
  stop(): Promise<void>
}

const FIRST_RETRY_MS = 750
const MAX_RETRY_MS = 15_000
const SYNC_TIMEOUT_MS = 8_000
/** After this long without an answer the screen says so; trying goes on. */
const UNREACHABLE_AFTER_MS = 12_000

interface Running {
  readonly id: string
  readonly invite: Invite
  record: AcceptanceRecord
  step: AcceptanceStep
  isSlow: boolean
  log: SealedLog | undefined
  cancelSlow: (() => void) | undefined
  readonly loop: RetryLoop
}

export async function createAcceptances(
  components: AcceptancesComponents,
  init: AcceptancesInit
): Promise<Acceptances> {
  const { history, clock } = components
  const stopped = new AbortController()
  const running = new Map<string, Running>()
  let replica: Replica | undefined
  let holder: Holder | undefined

  for (const [id, record] of (await history.records(acceptanceKind)).items) {
    try {
      start(id, record)
    } catch {
      init.onDamaged()
    }
  }

  function start(id: string, record: AcceptanceRecord): Running {
    const item: Running = {
      id,
      invite: readInvite(record.payload),
      record,
      step: stepOf(record),
      isSlow: false,
      log: undefined,
      cancelSlow: undefined,
      loop: createRetryLoop(clock, {
        firstDelayMs: FIRST_RETRY_MS,
        maxDelayMs: MAX_RETRY_MS,
        random: components.random,
        attempt: (signal) => attempt(item, signal)
      })
    }
    item.cancelSlow = clock.after(UNREACHABLE_AFTER_MS, () => {
      item.isSlow = true
      init.onChange()
    })
    running.set(id, item)
    return item
  }

  function setStep(item: Running, step: AcceptanceStep): void {
    if (item.step === step) return
    item.step = step
    init.onChange()
  }

  async function update(item: Running, patch: Partial<AcceptanceRecord>): Promise<void> {
    const record = { ...item.record, ...patch }
    await history.commit(
      { records: [putRecord(acceptanceKind, item.id, record)] },
      { isDurable: true }
    )
    item.record = record
    init.onChange()
  }

  /** One round. @returns whether anything is left to do. */
  async function attempt(item: Running, signal: AbortSignal): Promise<boolean> {
    if (replica === undefined || holder === undefined || item.record.failure !== null) return false
    if (item.record.conversation !== null && item.record.welcome === null) return false
    item.log ??= await openDrop(item, replica)
    if (item.record.conversation === null) {
      const outcome = await found(item, item.log, replica, signal)
      if (outcome !== 'founded') return outcome === 'waiting'
    }
    await leaveWelcome(item, item.log, holder)
    return false
  }

  async function openDrop(item: Running, through: Replica): Promise<SealedLog> {
    const drop = dropOf(item.invite)
    const log = await through.open(drop.manifest, { writer: drop.writer(item.record.writerSeed) })
    log.addEventListener(
      'entries',
      () => {
        item.loop.kick()
      },
      { signal: stopped.signal }
    )
    return log
  }

  async function found(
    item: Running,
    log: SealedLog,
    through: Replica,
    signal: AbortSignal
  ): Promise<'founded' | 'waiting' | 'failed'> {
    const { invite } = item
    if (invite.isExpired(clock.now())) return fail(item, 'invite-expired')
    const isNodeThere = through.network().nodes.some((node) => node.state === 'connected')
    setStep(item, isNodeThere ? 'fetching-invite' : 'reaching-node')
    let bundle = await findBundle(invite, log)
    if (typeof bundle === 'string') {
      if (!isNodeThere) return 'waiting'
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(SYNC_TIMEOUT_MS)])
      const outcomes = await through.sync(log.address, { signal: deadline })
      bundle = await findBundle(invite, log)
      // Whoever has the link may leave a forged bundle beside the genuine one: judged when all of the drop was seen.
      const isComplete = outcomes.some(({ kind }) => kind === 'settled')
      if (bundle === 'forged' && isComplete) return fail(item, 'invite-forged')
    }
    if (typeof bundle === 'string') return 'waiting'
    setStep(item, 'securing')
    try {
      await secure(item, bundle)
    } catch (error) {
      if (isDeadDropError(error) && error.code.startsWith('invite-')) return fail(item, error.code)
      throw error
    }
    return 'founded'
  }

  async function findBundle(invite: Invite, log: SealedLog): Promise<Bundle | 'none' | 'forged'> {
    let isForged = false
    for await (const entry of log.entries()) {
      const bundle = await openBundle({ clock }, invite, entry.sealed)
      if (!('refused' in bundle)) return bundle
      isForged ||= bundle.refused === 'invite-forged'
    }
    return isForged ? 'forged' : 'none'
  }

  /** Founds the conversation; session, Welcome and conversation reach the disk in one transaction. */
  async function secure(item: Running, bundle: Bundle): Promise<void> {
    const { session, welcome, conversationId } = await acceptInvite(
      { random: components.randomBytes, clock },
      { identity: init.identity, name: init.name(), invite: item.invite, bundle }
    )
    const conversation = {
      contactUserId: bundle.inviter.userId,
      contactName: bundle.name,
      createdAtMs: clock.now(),
      nodes: item.invite.nodes
    }
    const record: AcceptanceRecord = {
      ...item.record,
      inviterName: bundle.name,
      conversation: conversationId,
      welcome
    }
    await history.commit(
      {
        conversations: [
          { id: conversationId, ownUserId: init.own.userId, session: session.freeze() }
        ],
        records: [
          putRecord(conversationKind, conversationId, conversation),
          putRecord(acceptanceKind, item.id, record)
        ]
      },
      { isDurable: true }
    )
    item.record = record
    item.cancelSlow?.()
    item.isSlow = false
    init.onAdopted({ id: conversationId, session, record: conversation })
    setStep(item, 'done')
  }

  /** The conversation works already; this makes sure that the inviter will hear of it. Safe to repeat. */
  async function leaveWelcome(item: Running, log: SealedLog, heldBy: Holder): Promise<void> {
    const { welcome } = item.record
    if (welcome === null) return
    const writer = dropOf(item.invite).writer(item.record.writerSeed)
    let left: Awaited<ReturnType<SealedLog['append']>> | undefined
    for await (const entry of log.entries()) if (entry.writer === writer.publicKey) left = entry
    left ??= await log.append(welcome as SealedBytes) // the brand is what history lost: acceptInvite sealed these bytes
    const { hash } = left
    heldBy.register({
      log,
      kind: 'drop',
      writer,
      async onReceipt(receipt) {
        if (item.record.welcome === null || !(await log.isCovered(hash, receipt.heads))) return
        await update(item, { welcome: null })
        heldBy.release(log.address)
        item.log = undefined
        await replica?.forget(log.address) // the node has it, and this device needs the drop no more
      }
    })
    heldBy.want(log.address, hash)
  }

  async function fail(item: Running, code: ErrorCode): Promise<'failed'> {
    item.cancelSlow?.()
    await update(item, { failure: code })
    setStep(item, 'failed')
    return 'failed'
  }

  function viewOf(item: Running): Acceptance {
    const { record } = item
    const isWaiting = item.step === 'reaching-node' || item.step === 'fetching-invite'
    return {
      id: item.id,
      step: item.step,
      inviterName: record.inviterName,
      conversation: record.conversation,
      error: readCode(record.failure) ?? (item.isSlow && isWaiting ? 'invite-unreachable' : null),
      startedAtMs: record.startedAtMs
    }
  }

  return {
    list: () => [...running.values()].map(viewOf),

    nodes: () =>
      [...running.values()]
        .filter(({ record }) => record.conversation === null && record.failure === null)
        .flatMap(({ invite }) => invite.nodes),

    async begin(link) {
      const invite = readInvite(link)
      if (invite.userId === init.own.userId) {
        throw new DeadDropError('invite-own', 'invite was made by this user')
      }
      const id = bytesToHex(sha256(utf8ToBytes(invite.payload))).slice(0, 32)
      const known = running.get(id)
      if (known !== undefined && known.record.failure === null) return viewOf(known)
      await known?.loop.stop()
      if (invite.isExpired(clock.now())) {
        throw new DeadDropError('invite-expired', 'invite is expired')
      }
      const record: AcceptanceRecord = {
        payload: invite.payload,
        startedAtMs: clock.now(),
        writerSeed: components.randomBytes(32),
        inviterName: null,
        conversation: init.conversationWith(invite.userId) ?? null,
        welcome: null,
        failure: null
      }
      await history.commit(
        { records: [putRecord(acceptanceKind, id, record)] },
        { isDurable: true }
      )
      const item = start(id, record)
      init.onChange()
      item.loop.kick()
      return viewOf(item)
    },

    async cancel(id) {
      const item = running.get(id)
      if (item === undefined || item.step === 'done') return
      await item.loop.stop()
      item.cancelSlow?.()
      running.delete(id)
      await history.commit({ records: [deleteRecord(acceptanceKind, id)] })
      await replica?.forget(dropOf(item.invite).address)
      init.onChange()
    },

    attach(newReplica, newHolder) {
      replica = newReplica
      holder = newHolder
      for (const item of running.values()) item.loop.kick()
    },

    networkChanged() {
      for (const item of running.values()) {
        if (item.step === 'reaching-node' || item.step === 'fetching-invite') item.loop.kick()
      }
    },

    wake() {
      for (const item of running.values()) item.loop.kick()
    },

    async stop() {
      stopped.abort()
      for (const item of running.values()) {
        item.cancelSlow?.()
      }
      await Promise.all([...running.values()].map((item) => item.loop.stop()))
    }
  }
}

function stepOf(record: AcceptanceRecord): AcceptanceStep {
  if (record.failure !== null) return 'failed'
  return record.conversation === null ? 'reaching-node' : 'done'
}

function readCode(text: string | null): ErrorCode | null {
  return ERROR_CODES.find((code) => code === text) ?? null
}
