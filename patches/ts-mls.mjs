const CLIENT_STATE = 'dist/src/clientState.js'

/**
 * Corrections of ts-mls 1.6.4, by number. Each has a regression test in `tests/unit/sealing-mls-corrections.test.ts`.
 *
 * @see https://github.com/LukaJCB/ts-mls (issues and pull requests 436, 450, 468, 505)
 */
export const TS_MLS = {
  name: 'ts-mls',
  version: '1.6.4',
  edits: [
    {
      // RFC 9420 12.4.3.1: "every non-blank intermediate node between the leaf node and the parent node".
      correction: 'P1 unmerged leaves: only the nodes between the leaf and this parent',
      file: CLIENT_STATE,
      find: 'for (const parentIdx of dp) {',
      replace: 'for (const parentIdx of dp.slice(0, dp.indexOf(toNodeIndex(i)))) {'
    },
    {
      correction: 'P1 unmerged leaves: "contains the same entry", not the same list',
      file: CLIENT_STATE,
      find: '!arraysEqual(dpNode.parent.unmergedLeaves, n.parent.unmergedLeaves)',
      replace: '!dpNode.parent.unmergedLeaves.includes(unmergedLeaf)'
    },
    {
      // RFC 9420 12.4.3.1: "a non-blank leaf node that is a descendant of the parent node": both.
      correction: 'P2 unmerged leaves: a leaf, and below this node',
      file: CLIENT_STATE,
      find: 'tree[nodeIndex]?.nodeType !== "leaf" && !dp.includes(toNodeIndex(i))',
      replace: 'tree[nodeIndex]?.nodeType !== "leaf" || !dp.includes(toNodeIndex(i))'
    },
    {
      // RFC 9420 12.4: the path may be left out only for Add, PreSharedKey and ReInit.
      correction: 'P3 UpdatePath for every other proposal',
      file: CLIENT_STATE,
      find: 'const needsUpdatePath = allProposals.length === 0 || Object.values(grouped.update).length > 0 || Object.values(grouped.remove).length > 0;',
      replace:
        'const needsUpdatePath = allProposals.length === 0 || allProposals.some(({ proposal }) => !["add", "psk", "reinit"].includes(proposal.proposalType));'
    },
    {
      // A leaf that one commit blanks and fills again hid the removal.
      correction: 'P4 own removal is read from the proposals',
      file: CLIENT_STATE,
      find: 'const selfRemoved = mutatedTree[leafToNodeIndex(toLeafIndex(state.privatePath.leafIndex))] === undefined;',
      replace:
        'const selfRemoved = grouped.remove.some(({ proposal }) => proposal.remove.removed === state.privatePath.leafIndex);'
    },
    {
      // slice(-0) is the whole list, and the secrets that were dropped were never handed out.
      correction: 'P5 old epochs are pruned, and their secrets handed out for erasing',
      file: CLIENT_STATE,
      find: 'return [new Map(sortedEpochs.slice(-max).map((epoch) => [epoch, historicalReceiverData.get(epoch)])), []];',
      replace: 'return [map, toBeDeleted];'
    },
    {
      // A list that begins with holes cannot be erased item by item.
      correction: 'P5 the list of secrets has no holes',
      file: 'dist/src/secretTree.js',
      find: 'const arr = new Array(tree.length * 2);',
      replace: 'const arr = [];'
    },
    {
      correction: 'P6 pre-shared keys reach private messages',
      file: 'dist/src/processMessages.js',
      find: 'return processPrivateMessage(state, message.privateMessage, emptyPskIndex, cs, action);',
      replace: 'return processPrivateMessage(state, message.privateMessage, pskIndex, cs, action);'
    },
    {
      // RFC 9420 12.4.1: path secrets are sealed to the provisional group context, with the new extensions.
      correction: 'P7 path secrets are sealed to the new extensions',
      file: 'dist/src/createCommit.js',
      find: 'await createUpdatePath(res.tree, toLeafIndex(state.privatePath.leafIndex), state.groupContext, state.signaturePrivateKey, cipherSuite, excludeNodes)',
      replace:
        'await createUpdatePath(res.tree, toLeafIndex(state.privatePath.leafIndex), { ...state.groupContext, extensions: res.additionalResult.kind === "memberCommit" && res.additionalResult.extensions.length > 0 ? res.additionalResult.extensions : state.groupContext.extensions }, state.signaturePrivateKey, cipherSuite, excludeNodes)'
    }
  ]
}
