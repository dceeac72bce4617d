import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  bytesToBase64,
  createApplicationMessage,
  createCommit,
  createGroup,
  decodeMlsMessage,
  defaultLifetime,
  defaultLifetimeConfig,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  joinGroup,
  makePskIndex,
  processMessage,
  type CiphersuiteImpl,
  type ClientState,
  type CreateCommitResult,
  type KeyPackage,
  type PrivateKeyPackage,
  type Proposal,
  type PskIndex
} from 'ts-mls'
import { addHistoricalReceiverData, validateRatchetTree } from 'ts-mls/clientState.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { createSignatureVerifier } from '#protocol/ed25519.ts'
import { createSuite, SUITE_NAME } from '#sealing/mls/suite.ts'
import { sealingComponents } from '#tests/support/sealing-world.ts'
import { applyPatch } from '../../patches/apply.mjs'
import { TS_MLS } from '../../patches/ts-mls.mjs'

const POLICY = 0xf0dd
const { random } = sealingComponents()
let suite: CiphersuiteImpl

interface KeyPackagePair {
  readonly publicPackage: KeyPackage
  readonly privatePackage: PrivateKeyPackage
}

beforeAll(async () => {
  suite = await createSuite({ random, verifier: createSignatureVerifier() })
})

function device(name: string): Promise<KeyPackagePair> {
  return generateKeyPackage(
    { credentialType: 'basic', identity: new TextEncoder().encode(name) },
    {
      versions: ['mls10'],
      ciphersuites: [SUITE_NAME],
      credentials: ['basic'],
      extensions: [POLICY],
      proposals: []
    },
    defaultLifetime,
    [],
    suite
  )
}

const add = (keyPackage: KeyPackage): Proposal => ({ proposalType: 'add', add: { keyPackage } })
const remove = (removed: number): Proposal => ({ proposalType: 'remove', remove: { removed } })

function commit(
  state: ClientState,
  proposals: Proposal[],
  pskIndex?: PskIndex
): Promise<CreateCommitResult> {
  return createCommit(
    pskIndex === undefined
      ? { state, cipherSuite: suite }
      : { state, cipherSuite: suite, pskIndex },
    { extraProposals: proposals, ratchetTreeExtension: true }
  )
}

function joinBy(result: CreateCommitResult, pair: KeyPackagePair): Promise<ClientState> {
  if (result.welcome === undefined) throw new Error('no Welcome')
  return joinGroup(result.welcome, pair.publicPackage, pair.privatePackage, emptyPskIndex, suite)
}

/** Through bytes, as a peer receives it. */
async function receive(
  state: ClientState,
  result: CreateCommitResult,
  pskIndex: PskIndex = emptyPskIndex
): Promise<ClientState> {
  const message = decodeMlsMessage(encodeMlsMessage(result.commit), 0)?.[0]
  if (message?.wireformat !== 'mls_private_message') throw new Error('not a private message')
  return (await processMessage(message, state, pskIndex, () => 'accept', suite)).newState
}

async function groupOf(size: number): Promise<ClientState[]> {
  const pairs = await Promise.all(
    Array.from({ length: size }, (_, index) => device(`device ${index}`))
  )
  const [founder, ...others] = pairs
  if (founder === undefined) throw new Error('nobody')
  const { publicPackage, privatePackage } = founder
  const founded = await createGroup(random(16), publicPackage, privatePackage, [], suite)
  const result = await commit(
    founded,
    others.map((pair) => add(pair.publicPackage))
  )
  return [result.newState, ...(await Promise.all(others.map((pair) => joinBy(result, pair))))]
}

function first(states: readonly ClientState[]): ClientState {
  if (states[0] === undefined) throw new Error('nobody')
  return states[0]
}

const policyChange: Proposal = {
  proposalType: 'group_context_extensions',
  groupContextExtensions: {
    extensions: [{ extensionType: POLICY, extensionData: new Uint8Array([1]) }]
  }
}

describe('corrections of the MLS library', { timeout: 60_000 }, () => {
  it('P1: a joiner accepts a tree whose nodes list different unmerged leaves', async () => {
    const members = await groupOf(8)
    const removed = await commit(first(members), [remove(3), remove(5)])
    const [x, y] = [await device('x'), await device('y')]
    const added = await commit(removed.newState, [add(x.publicPackage), add(y.publicPackage)])
    const joined = await Promise.all([joinBy(added, x), joinBy(added, y)])
    for (const state of joined) {
      expect(state.keySchedule.epochAuthenticator).toEqual(
        added.newState.keySchedule.epochAuthenticator
      )
    }
  })

  it('P2: an unmerged leaf that is not below its node is refused', async () => {
    const state = (await commit(first(await groupOf(4)), [])).newState
    const tree = state.ratchetTree.map((node, index) =>
      node?.nodeType === 'parent' && index === 1
        ? { ...node, parent: { ...node.parent, unmergedLeaves: [2] } }
        : node
    )
    expect(tree[1]?.nodeType).toBe('parent')
    const { groupContext, clientConfig } = state
    const refusal = await validateRatchetTree(
      tree,
      groupContext,
      defaultLifetimeConfig,
      clientConfig.authService,
      groupContext.treeHash,
      suite
    )
    expect(refusal?.message).toMatch(/did not represent a non-blank descendant/)
  })

  it('P3 and P7: a change of the group context brings new keys, which every member can compute', async () => {
    const [alice, bob] = await groupOf(2)
    if (alice === undefined || bob === undefined) throw new Error('nobody')
    const changed = await commit(alice, [policyChange])
    const received = await receive(bob, changed)
    expect(received.keySchedule.epochAuthenticator).toEqual(
      changed.newState.keySchedule.epochAuthenticator
    )
    const leafKey = (state: ClientState): Uint8Array | undefined =>
      state.ratchetTree[0]?.nodeType === 'leaf'
        ? state.ratchetTree[0].leaf.hpkePublicKey
        : undefined
    expect(leafKey(received)).not.toEqual(leafKey(bob))
  })

  it('P3: a commit with one Remove brings new keys', async () => {
    const alice = first(await groupOf(3))
    const removed = await commit(alice, [remove(2)])
    expect(removed.newState.privatePath.privateKeys[0]).not.toEqual(
      alice.privatePath.privateKeys[0]
    )
  })

  it('P4: a member whose leaf is filled again in the same commit knows that it was removed', async () => {
    const [alice, , carol] = await groupOf(3)
    if (alice === undefined || carol === undefined) throw new Error('nobody')
    const replaced = await commit(alice, [remove(2), add((await device('dave')).publicPackage)])
    expect((await receive(carol, replaced)).groupActiveState.kind).toBe('removedFromGroup')
  })

  it('P5: with a limit of no old epochs none is kept, and its secrets are handed out', async () => {
    const alice = first(await groupOf(2))
    const { clientConfig } = alice
    const keyRetentionConfig = { ...clientConfig.keyRetentionConfig, retainKeysForEpochs: 0 }
    const [kept, dropped] = addHistoricalReceiverData({
      ...alice,
      clientConfig: { ...clientConfig, keyRetentionConfig }
    })
    expect(kept.size).toBe(0)
    const secrets = alice.secretTree.map(({ application }) => application.secret)
    expect(dropped).toEqual(expect.arrayContaining(secrets))
    expect(dropped.every((secret) => secret instanceof Uint8Array)).toBe(true)
  })

  it('P6: a private commit may use a pre-shared key', async () => {
    const [alice, bob] = await groupOf(2)
    if (alice === undefined || bob === undefined) throw new Error('nobody')
    const pskId = random(16)
    const known = { [bytesToBase64(pskId)]: random(64) }
    const committed = await commit(
      alice,
      [
        {
          proposalType: 'psk',
          psk: { preSharedKeyId: { psktype: 'external', pskId, pskNonce: random(64) } }
        }
      ],
      makePskIndex(alice, known)
    )
    const received = await receive(bob, committed, makePskIndex(bob, known))
    const sealed = await createApplicationMessage(received, new Uint8Array([1]), suite)
    expect(sealed.newState.keySchedule).toEqual(received.keySchedule)
    expect(received.keySchedule.epochAuthenticator).toEqual(
      committed.newState.keySchedule.epochAuthenticator
    )
  })
})

describe('patch tool', { timeout: 60_000 }, () => {
  it('changes nothing twice, and nothing where the package is absent', async () => {
    await withCopy(async (modules) => {
      expect(applyPatch(TS_MLS, modules)).toBe('unchanged')
      expect(applyPatch(TS_MLS, join(modules, 'elsewhere'))).toBe('absent')
    })
  })

  it('fails, writing nothing, when the version or a corrected line is another', async () => {
    await withCopy(async (modules) => {
      const file = join(modules, 'ts-mls/dist/src/processMessages.js')
      const moved = (await readFile(file, 'utf8')).replaceAll(
        'message.privateMessage, pskIndex',
        'message.privateMessage, other'
      )
      await writeFile(file, moved)
      expect(() => applyPatch(TS_MLS, modules)).toThrow(/P6/)
      expect(await readFile(file, 'utf8')).toBe(moved)
      expect(() => applyPatch({ ...TS_MLS, version: '1.6.5' }, modules)).toThrow(/1\.6\.4/)
    })
  })
})

async function withCopy(use: (modules: string) => Promise<void>): Promise<void> {
  const modules = await mkdtemp(join(tmpdir(), 'deaddrop-patch-'))
  try {
    await cp(join(import.meta.dirname, '../../node_modules/ts-mls'), join(modules, 'ts-mls'), {
      recursive: true
    })
    await use(modules)
  } finally {
    await rm(modules, { recursive: true, force: true })
  }
}
