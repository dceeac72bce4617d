import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeadDropError } from '#protocol/errors.ts'
import { parseJsonRpc, toJsonRpcError } from '#headless/json-rpc.ts'
import { readLines } from '#headless/read-lines.ts'

async function linesOf(chunks: readonly string[]): Promise<(string | null)[]> {
  async function* feed(): AsyncGenerator<string> {
    yield* chunks
  }
  const lines: (string | null)[] = []
  for await (const line of readLines(feed())) lines.push(line)
  return lines
}

describe('lines', () => {
  it('are the same however the input is cut', async () => {
    const anyText = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '"'), maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(fc.nat({ max: 60 })), async (text, cuts) => {
        const places = [
          0,
          ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b),
          text.length
        ]
        const chunks = places.slice(1).map((end, index) => text.slice(places[index], end))
        const expected = text.split('\n')
        if (expected.at(-1) === '') expected.pop()
        expect(await linesOf(chunks)).toEqual(expected)
      })
    )
  })

  it('that are too long come as null, and the next one is whole', async () => {
    const long = 'x'.repeat(1_048_577)
    expect(await linesOf([`${long}\nnext\n`])).toEqual([null, 'next'])
    expect(await linesOf([long, long, '\nnext'])).toEqual([null, 'next'])
    expect(await linesOf([long])).toEqual([null])
  })
})

describe('JSON-RPC', () => {
  it('reads a request, a notification and a batch', () => {
    expect(parseJsonRpc('{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}')).toEqual([
      { kind: 'request', id: 1, method: 'm', params: { a: 1 } }
    ])
    expect(parseJsonRpc('{"jsonrpc":"2.0","method":"m"}')).toEqual([
      { kind: 'request', id: undefined, method: 'm', params: {} }
    ])
    const batch = '[{"jsonrpc":"2.0","id":"a","method":"m"},7]'
    expect(parseJsonRpc(batch).map(({ kind }) => kind)).toEqual(['request', 'failure'])
  })

  it('answers anything else with an error, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        for (const parsed of parseJsonRpc(line)) {
          if (parsed.kind === 'failure') expect(parsed.error.data.code).toBe('request-malformed')
        }
      }),
      { numRuns: 1_000 }
    )
  })

  it('tells our codes, and nothing of an unexpected failure', () => {
    expect(
      toJsonRpcError(new DeadDropError('text-empty', 'text has no visible character'))
    ).toEqual({
      code: -32_000,
      message: 'text has no visible character',
      data: { code: 'text-empty' }
    })
    expect(toJsonRpcError(new Error('a secret path'))).toEqual({
      code: -32_603,
      message: 'unexpected failure',
      data: { code: 'internal' }
    })
  })
})
