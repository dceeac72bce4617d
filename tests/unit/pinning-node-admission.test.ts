import { describe, expect, it } from 'vitest'
import type { AdmissionState } from '#pinning-node/admission.ts'
import { admitPin, MIN_FREE_DISK_BYTES } from '#pinning-node/admission.ts'
import { createQuota, shortageOf } from '#pinning-node/quota.ts'
import type { PinnedLog } from '#pinning-node/registry.ts'
import type { PinRequest } from '#protocol/pin-messages.ts'
import { gatedLog, peerWithKey } from '#tests/support/pin-fixtures.ts'

const DAY_MS = 86_400_000
const NOW_MS = 1_795_000_000_000
const log = gatedLog(1)
const alice = log.admit(1)
const pim = peerWithKey(1)
const quota = createQuota({ maxLogs: 2, maxBytes: 10_000, holdDays: 10 })

const request: PinRequest = {
  manifest: log.manifest,
  kind: 'conversation',
  node: pim.peerId,
  nonce: '00'.repeat(16),
  holdForMs: 5 * DAY_MS,
  heads: [],
  writer: alice.publicKey,
  certificate: alice.certificate
}
const empty: AdmissionState = {
  nowMs: NOW_MS,
  held: undefined,
  heldLogs: 0,
  heldBytes: 0,
  freeDiskBytes: MIN_FREE_DISK_BYTES
}
const record: PinnedLog = {
  address: log.address,
  manifest: log.manifest,
  kind: 'drop',
  createdAtMs: NOW_MS - DAY_MS,
  lastRequestAtMs: NOW_MS - DAY_MS,
  heldUntilMs: NOW_MS + 8 * DAY_MS
}

function admit(change: Partial<PinRequest>, state: Partial<AdmissionState>) {
  return admitPin({ ...request, ...change }, log.address, { ...empty, ...state }, quota)
}

describe('admission', () => {
  it('takes a new log for the time that was asked', () => {
    expect(admit({}, {})).toEqual({
      kind: 'admit',
      record: {
        ...record,
        kind: 'conversation',
        createdAtMs: NOW_MS,
        lastRequestAtMs: NOW_MS,
        heldUntilMs: NOW_MS + 5 * DAY_MS
      }
    })
  })

  it('promises no longer than the operator allows', () => {
    expect(admit({ holdForMs: Number.MAX_SAFE_INTEGER }, {})).toMatchObject({
      record: { heldUntilMs: NOW_MS + 10 * DAY_MS }
    })
  })

  it('never shortens a promise', () => {
    expect(admit({ holdForMs: 0 }, { held: record })).toMatchObject({
      record: {
        heldUntilMs: record.heldUntilMs,
        createdAtMs: record.createdAtMs,
        lastRequestAtMs: NOW_MS
      }
    })
  })

  it('keeps a drop a drop, whoever asks for more', () => {
    expect(admit({ kind: 'conversation' }, { held: record })).toMatchObject({
      record: { kind: 'drop' }
    })
  })

  it.each([
    ['over-quota', { heldLogs: 2 }],
    ['storage-full', { heldBytes: 10_000 }],
    ['storage-full', { freeDiskBytes: MIN_FREE_DISK_BYTES - 1 }]
  ])('refuses with %s: %j', (status, state) => {
    expect(admit({}, state)).toEqual({ kind: 'refuse', status })
  })

  it('renews a log that it holds also when it is full', () => {
    const full = { heldLogs: 2, heldBytes: 10_000, freeDiskBytes: 0, held: record }
    expect(admit({}, full).kind).toBe('admit')
  })
})

describe('quota', () => {
  it('gives a drop fewer entries, fewer bytes and no more time than a conversation', () => {
    const { conversation, drop } = createQuota({ maxLogs: 1, maxBytes: 1, holdDays: 365 }).logs
    expect(drop.maxEntries).toBeLessThan(conversation.maxEntries)
    expect(drop.maxBytes).toBeLessThan(conversation.maxBytes)
    expect(drop.maxHoldMs).toBe(30 * DAY_MS)
    expect(conversation.maxHoldMs).toBe(365 * DAY_MS)
  })

  const bounds = quota.logs.drop
  it.each([
    ['an entry that fits', { entries: 1, bytes: 100 }, 100, undefined],
    ['the last entry', { entries: bounds.maxEntries, bytes: 0 }, 0, undefined],
    ['one entry more', { entries: bounds.maxEntries + 1, bytes: 0 }, 0, 'over-quota'],
    ['one byte more', { entries: 0, bytes: bounds.maxBytes + 1 }, 0, 'over-quota'],
    ['the last bytes of the node', { entries: 0, bytes: 0 }, 10_000, undefined],
    ['one byte more than the node holds', { entries: 0, bytes: 0 }, 10_001, 'storage-full']
  ])('judges %s', (_, size, totalBytes, shortage) => {
    expect(shortageOf(quota, 'drop', size, totalBytes)).toBe(shortage)
  })
})
