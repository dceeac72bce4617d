import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { openNodeDevice } from '#client/open-client.node.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import { readLines } from './read-lines.ts'
import { serveHeadless } from './serve.ts'

const USAGE = `Usage: bot --data DIR [--node MULTIADDR]...

A DeadDrop client without a screen: JSON-RPC 2.0, one message a line, on stdin and stdout.

  --data DIR         folder for the identity and the messages (made when missing)
  --node MULTIADDR   pinning node to use; may be given several times
  --app URL          web app that invite links point to
  --passphrase-file FILE
                     unlocks with the first line of FILE when the data has a passphrase
  --help             show this text
`

const DEFAULT_APP = 'https://deaddrop.invalid/'

/** Exit codes: 0 left on request, 1 failed at run time, 2 wrong command line, 3 data folder in use. */
async function main(): Promise<number> {
  let values: {
    data?: string
    node?: string[]
    app?: string
    'passphrase-file'?: string
    help?: boolean
  }
  try {
    ;({ values } = parseArgs({
      options: {
        data: { type: 'string' },
        node: { type: 'string', multiple: true },
        app: { type: 'string' },
        'passphrase-file': { type: 'string' },
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

  const passphraseFile = values['passphrase-file']
  let passphrase: string | undefined
  try {
    if (passphraseFile !== undefined)
      passphrase = (await readFile(passphraseFile, 'utf8')).split(/\r?\n/, 1)[0] ?? ''
  } catch {
    return refuseCommandLine('--passphrase-file cannot be read')
  }

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

  let device
  try {
    device = await openNodeDevice({
      dataDir: values.data,
      nodes: values.node ?? [],
      appUrl: values.app ?? DEFAULT_APP,
      ...(passphrase === undefined ? {} : { passphrase })
    })
  } catch (error) {
    if (!isDeadDropError(error)) throw error
    process.stderr.write(`bot: ${error.code}: ${error.message}\n`)
    if (error.code === 'node-address-malformed') return 2
    return error.code === 'data-in-use' ? 3 : 1
  }
  try {
    await serveHeadless({
      device,
      lines: readLines(stdinChunks(leaving.signal)),
      write: (line) => {
        if (!leaving.signal.aborted) process.stdout.write(line)
      },
      timeout: (ms) => AbortSignal.any([AbortSignal.timeout(ms), leaving.signal])
    })
  } finally {
    await device.stop()
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
