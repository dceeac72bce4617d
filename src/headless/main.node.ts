import process from 'node:process'
import { parseArgs } from 'node:util'
import { openNodeClient } from '#client/open-client.node.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import { readLines } from './read-lines.ts'
import { serveHeadless } from './serve.ts'

const USAGE = `Usage: bot --data DIR [--node MULTIADDR]...

A DeadDrop client without a screen: JSON-RPC 2.0, one message a line, on stdin and stdout.

  --data DIR         folder for the identity and the messages (made when missing)
  --node MULTIADDR   pinning node to use; may be given several times
  --app URL          web app that invite links point to
  --help             show this text
`

const DEFAULT_APP = 'https://deaddrop.invalid/'

/** Exit codes: 0 left on request, 1 failed at run time, 2 wrong command line, 3 data folder in use. */
async function main(): Promise<number> {
  let values: { data?: string; node?: string[]; app?: string; help?: boolean }
  try {
    ;({ values } = parseArgs({
      options: {
        data: { type: 'string' },
        node: { type: 'string', multiple: true },
        app: { type: 'string' },
        help: { type: 'boolean' }
      }
    }))
  } catch (error) {
    return refuseCommandLine(error instanceof Error ? error.message : 'unreadable arguments')
  }
  if (values.help === true) {
    process.stdout.write(USAGE)
    return 0
  }
  if (values.data === undefined || values.data === '')
    return refuseCommandLine('--data DIR is missing')
  if (values.app !== undefined && !URL.canParse(values.app))
    return refuseCommandLine('--app is not a URL')

  const leaving = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      leaving.abort()
      process.stdin.destroy()
    })
  }
  process.stdout.on('error', () => {
    leaving.abort()
  }) // the reader has gone: nobody is left to answer

  let client
  try {
    client = await openNodeClient({
      dataDir: values.data,
      nodes: values.node ?? [],
      appUrl: values.app ?? DEFAULT_APP
    })
  } catch (error) {
    if (!isDeadDropError(error)) throw error
    process.stderr.write(`bot: ${error.code}: ${error.message}\n`)
    if (error.code === 'node-address-malformed') return 2
    return error.code === 'data-in-use' ? 3 : 1
  }
  try {
    await serveHeadless({
      client,
      lines: readLines(stdinChunks(leaving.signal)),
      write: (line) => {
        if (!leaving.signal.aborted) process.stdout.write(line)
      },
      timeout: (ms) => AbortSignal.any([AbortSignal.timeout(ms), leaving.signal])
    })
  } finally {
    await client.stop()
  }
  return 0
}

/** Text from stdin; ends quietly when a signal closes it. */
async function* stdinChunks(leaving: AbortSignal): AsyncGenerator<string> {
  const isLeaving = (): boolean => leaving.aborted
  if (isLeaving()) return
  process.stdin.setEncoding('utf8')
  try {
    for await (const chunk of process.stdin) yield String(chunk)
  } catch (error) {
    if (!isLeaving()) throw error
  }
}

function refuseCommandLine(reason: string): number {
  process.stderr.write(`bot: ${reason}\n\n${USAGE}`)
  return 2
}

process.exitCode = await main()
