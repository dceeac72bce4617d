import { bytesToHex } from '@noble/hashes/utils.js'
import type { History } from '#history/history.ts'
import { deleteRecord, putRecord } from '#history/record-kind.ts'
import type { Author } from '#messaging/ports.ts'
import type { SealedBytes } from '#protocol/brand.ts'
import { MAX_INVITE_NODES } from '#protocol/limits.ts'
import type { Clock } from '#replica/network/clock.ts'
import type { Replica } from '#replica/replica.ts'
import type { SealedEntry, SealedLog } from '#replica/sealed-log.ts'
import { dropOf } from '#sealing/drop.ts'
import type { IdentityWithSecrets } from '#sealing/identity.ts'
import { inviteLink } from '#sealing/invite-link.ts'
import {
  createInvite,
  decodeInviteWithSecrets,
  encodeInviteWithSecrets,
  openWelcome,
  type InviteWithSecrets
} from '#sealing/invite.ts'
import type { Adopted } from './adopted.ts'
import type { InviteView } from './client.ts'
import type { Holder } from './holder.ts'
import { conversationKind, inviteKind, type InviteRecord } from './records.ts'
import { createRetryLoop, type RetryLoop } from './retry-loop.ts'

export interface InvitesComponents {
  readonly history: History
  readonly clock: Clock
  readonly randomBytes: (length: number) => Uint8Array
  /** 0..1, for jitter. */
  readonly random: () => number
}

export interface InvitesInit {
  readonly identity: IdentityWithSecrets
  readonly own: Author
  readonly name: () => string
  /** Web app that links point to. */
  readonly appUrl: string
  /** Nodes that the other side should go through, best first. */
  readonly nodes: () => readonly string[]
  readonly hasConversation: (id: string) => boolean
  readonly onAdopted: (adopted: Adopted) => void
  readonly onChange: () => void
  /** A stored invite cannot be read; the others work. */
  readonly onDamaged: () => void
}

/** The invites of this user: made here, left at nodes, and watched for those who accept. */
export interface Invites {
  /** The newest invite that still works. */
  current(): InviteView | null
  create(): Promise<InviteView>
  attach(replica: Replica, holder: Holder): void
  wake(): void
  stop(): Promise<void>
}

const DAY_MS = 24 * 60 * 60_000
const LIFETIME_MS = 30 * DAY_MS
/** Who accepted in the last minute may reach a node weeks later. */
const WATCH_AFTER_EXPIRY_MS = 30 * DAY_MS
/** Whoever has the link may begin a conversation: bounds what a link that leaked can do. */
const MAX_CONVERSATIONS = 100

interface Watched {
  readonly id: string
  readonly invite: InviteWithSecrets
  record: InviteRecord
  log: SealedLog | undefined
  readonly loop: RetryLoop
}

export async function createInvites(
  components: InvitesComponents,
  init: InvitesInit
): Promise<Invites> {
  const { history, clock } = components
  const stopped = new AbortController()
  const watched = new Map<string, Watched>()
  let replica: Replica | undefined
  let holder: Holder | undefined

  for (const [id, record] of (await history.records(inviteKind)).items) {
    try {
      watch(id, record)
    } catch {
      init.onDamaged()
    }
  }

  function watch(id: string, record: InviteRecord): Watched {
    const invite = decodeInviteWithSecrets(record.invite)
    const item: Watched = {
      id,
      invite,
      record,
      log: undefined,
      loop: createRetryLoop(clock, {
        firstDelayMs: 500,
        maxDelayMs: 60_000,
        random: components.random,
        attempt: async () => {
          await tend(item)
          return false
        }
      })
    }
    watched.set(id, item)
    return item
  }

  /** Leaves the bundle in the drop, has nodes hold it, and opens the Welcomes that came. Safe to repeat. */
  async function tend(item: Watched): Promise<void> {
    if (replica === undefined || holder === undefined) return
    if (item.record.expiresAtMs + WATCH_AFTER_EXPIRY_MS <= clock.now()) {
      await forget(item, replica, holder)
      return
    }
    item.log ??= await openDrop(item, replica, holder)
    const { log } = item
    let isBundleThere = false
    const cursor = await history.cursor(log.address)
    for await (const entry of log.entries()) {
      const isOwn = entry.writer === dropWriter(item).publicKey
      isBundleThere ||= isOwn
      if (!isOwn && entry.arrival > cursor) await readWelcome(item, entry)
    }
    if (!isBundleThere) {
      // The brand is what history lost: these bytes came from createInvite.
      const entry = await log.append(item.record.bundle as SealedBytes)
      holder.want(log.address, entry.hash)
    } else {
      const [newest] = await log.heads()
      if (newest !== undefined) holder.want(log.address, newest)
    }
  }

  /** With the record go the secrets that could open the first epoch of its conversations again. */
  async function forget(item: Watched, through: Replica, heldBy: Holder): Promise<void> {
    const { address } = dropOf(item.invite)
    heldBy.release(address)
    await through.forget(address)
    await history.commit({ records: [deleteRecord(inviteKind, item.id)] })
    watched.delete(item.id)
  }

  function dropWriter(item: Watched): ReturnType<ReturnType<typeof dropOf>['writer']> {
    return dropOf(item.invite).writer(item.invite.writerSeed)
  }

  async function openDrop(item: Watched, through: Replica, heldBy: Holder): Promise<SealedLog> {
    const writer = dropWriter(item)
    const log = await through.open(dropOf(item.invite).manifest, { writer })
    log.addEventListener(
      'entries',
      () => {
        item.loop.kick()
      },
      { signal: stopped.signal }
    )
    heldBy.register({
      log,
      kind: 'drop',
      writer,
      async onReceipt({ node }) {
        if (item.record.heldBy.includes(node)) return
        item.record = { ...item.record, heldBy: [...item.record.heldBy, node] }
        await history.commit({ records: [putRecord(inviteKind, item.id, item.record)] })
        init.onChange()
      }
    })
    return log
  }

  async function readWelcome(item: Watched, entry: SealedEntry): Promise<void> {
    const cursors = [{ log: entry.log, arrival: entry.arrival }]
    const { identity, own } = init
    const opened = await openWelcome(
      { random: components.randomBytes, clock },
      { identity, invite: item.invite, sealed: entry.sealed }
    )
    const isKnown = !('refused' in opened) && init.hasConversation(opened.conversationId)
    if ('refused' in opened || isKnown || item.record.conversations >= MAX_CONVERSATIONS) {
      await history.commit({ cursors })
      return
    }
    const { session, contact, conversationId: id } = opened
    const record = {
      contactUserId: contact.userId,
      contactName: contact.name,
      createdAtMs: clock.now(),
      nodes: item.invite.nodes
    }
    const counted = { ...item.record, conversations: item.record.conversations + 1 }
    await history.commit(
      {
        conversations: [{ id, ownUserId: own.userId, session: session.freeze() }],
        records: [putRecord(conversationKind, id, record), putRecord(inviteKind, item.id, counted)],
        cursors
      },
      { isDurable: true }
    )
    item.record = counted
    init.onAdopted({ id, session, record })
  }

  function viewOf({ record }: Watched): InviteView {
    return {
      link: inviteLink(init.appUrl, record.payload),
      expiresAtMs: record.expiresAtMs,
      heldBy: record.heldBy.length
    }
  }

  function current(): Watched | undefined {
    return [...watched.values()]
      .filter(({ record }) => record.expiresAtMs > clock.now())
      .sort((a, b) => b.record.createdAtMs - a.record.createdAtMs)[0]
  }

  return {
    current() {
      const newest = current()
      return newest === undefined ? null : viewOf(newest)
    },

    async create() {
      const now = clock.now()
      const { payload, invite, bundle } = await createInvite(
        { random: components.randomBytes, clock },
        {
          identity: init.identity,
          name: init.name(),
          nodes: init.nodes().slice(0, MAX_INVITE_NODES),
          expiresAtMs: now + LIFETIME_MS
        }
      )
      const id = bytesToHex(components.randomBytes(16))
      const record: InviteRecord = {
        invite: encodeInviteWithSecrets(invite),
        payload,
        bundle,
        createdAtMs: now,
        expiresAtMs: invite.expiresAtMs,
        heldBy: [],
        conversations: 0
      }
      await history.commit({ records: [putRecord(inviteKind, id, record)] }, { isDurable: true })
      const item = watch(id, record)
      item.loop.kick()
      init.onChange()
      return viewOf(item)
    },

    attach(newReplica, newHolder) {
      replica = newReplica
      holder = newHolder
      for (const item of watched.values()) item.loop.kick()
    },

    wake() {
      for (const item of watched.values()) item.loop.kick()
    },

    async stop() {
      stopped.abort()
      await Promise.all([...watched.values()].map((item) => item.loop.stop()))
    }
  }
}
