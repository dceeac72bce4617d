import { expect, it, vi } from 'vitest'
import { spawnPinningNode } from '#pinning-node/spawn-pinning-node.ts'
import type { ConversationSummary } from '#client/client.ts'
import { createMemoryStore } from '#replica/storage/memory-store.ts'
import { acquaint, startClient, type TestClient } from '#tests/support/client-world.ts'
import { withTempDir } from '#tests/support/temp-dir.ts'

// Each test starts a node and several clients; a busy machine needs more than the usual time.
vi.setConfig({ testTimeout: 90_000 })

function summaryOf({ client }: TestClient, id: string): ConversationSummary {
  const found = client.snapshot().conversations.find((conversation) => conversation.id === id)
  if (found === undefined) throw new Error('the conversation is not in the list')
  return found
}

/** `accepter`, who has an identity, accepts an invite of `inviter`. @returns the conversation's id. */
async function begin(inviter: TestClient, accepter: TestClient): Promise<string> {
  const { link } = await inviter.client.createInvite({ isFresh: true })
  const { id } = await accepter.client.acceptInvite(link)
  const conversation = await accepter.until(
    (client) =>
      client.snapshot().acceptances.find((acceptance) => acceptance.id === id)?.conversation ??
      undefined
  )
  await inviter.until((client) =>
    client.snapshot().conversations.find((known) => known.id === conversation)
  )
  return conversation
}

it('two people see one number, verify each other by code, and a restart keeps it', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  const store = createMemoryStore()
  const alice = await startClient({ nodes: node.multiaddrs, store })
  await using bob = await startClient({ nodes: node.multiaddrs })
  const conversation = await acquaint(alice, bob)

  const seenByAlice = await alice.client.safetyNumber(conversation)
  const seenByBob = await bob.client.safetyNumber(conversation)
  expect(seenByAlice.digits).toBe(seenByBob.digits)
  expect(seenByAlice.words).toEqual(seenByBob.words)
  expect(seenByAlice.code).not.toBe(seenByBob.code)

  expect(await alice.client.compareSafetyCode(conversation, seenByAlice.code)).toBe('own-code')
  expect(summaryOf(alice, conversation).verification).toBeNull()
  expect(await alice.client.compareSafetyCode(conversation, seenByBob.code)).toBe('match')
  expect(summaryOf(alice, conversation).verification).toMatchObject({ by: 'code' })
  expect(summaryOf(bob, conversation).verification).toBeNull() // each for themselves
  await alice.client.stop()

  await using aliceAgain = await startClient({ nodes: node.multiaddrs, store })
  expect(summaryOf(aliceAgain, conversation).verification).toMatchObject({ by: 'code' })
  await aliceAgain.client.setVerified(conversation, false)
  expect(summaryOf(aliceAgain, conversation).verification).toBeNull()
})

it('somebody in between shows: numbers differ, codes do not match, nobody is verified', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  await using alice = await startClient({ nodes: node.multiaddrs })
  await using bob = await startClient({ nodes: node.multiaddrs })
  await using eve = await startClient({ nodes: node.multiaddrs })
  await eve.client.createIdentity('Bob')
  await alice.client.createIdentity('Alice')
  await bob.client.createIdentity('Bob')
  await alice.until((client) => (client.snapshot().connection === 'relayed' ? true : undefined))
  const ofAlice = await begin(alice, eve) // Eve got hold of the link that was meant for Bob …
  await eve.client.setName('Alice')
  const ofBob = await begin(eve, bob) // … and gave Bob one of her own

  const seenByAlice = await alice.client.safetyNumber(ofAlice)
  const seenByBob = await bob.client.safetyNumber(ofBob)
  expect(seenByAlice.digits).not.toBe(seenByBob.digits)
  expect(seenByAlice.words).not.toEqual(seenByBob.words)
  expect(await alice.client.compareSafetyCode(ofAlice, seenByBob.code)).toBe('mismatch')
  expect(await bob.client.compareSafetyCode(ofBob, seenByAlice.code)).toBe('mismatch')
  expect(summaryOf(alice, ofAlice).verification).toBeNull()
  expect(summaryOf(bob, ofBob).verification).toBeNull()
})

it('a new contact with the name of a verified one is not verified, and says that the name is known', async () => {
  await using temp = await withTempDir()
  await using node = await spawnPinningNode({ dataDir: temp.path })
  await using alice = await startClient({ nodes: node.multiaddrs })
  await using bob = await startClient({ nodes: node.multiaddrs })
  await using other = await startClient({ nodes: node.multiaddrs })
  const known = await acquaint(alice, bob)
  await alice.client.setVerified(known, true)
  await other.client.createIdentity('bób')
  const fresh = await begin(alice, other)

  expect(summaryOf(alice, fresh)).toMatchObject({
    verification: null,
    namesakes: [{ conversation: known, isVerified: true }]
  })
  expect(summaryOf(alice, known)).toMatchObject({ verification: { by: 'comparison' } })
  expect(summaryOf(alice, known).namesakes).toEqual([])
  await alice.client.setVerified(fresh, true)
  expect(summaryOf(alice, fresh).namesakes).toEqual([])
})
