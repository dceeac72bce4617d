import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { HELP, parseCommandLine } from './config.ts'

const EXIT_USAGE = 2

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  const manifest: unknown = JSON.parse(text)
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return hasVersion && typeof manifest.version === 'string' ? manifest.version : 'unknown'
}

/** Standard error is for the operator who started the program; it names nothing that a peer sent. */
function complain(text: string): void {
  process.stderr.write(`pinning-node: ${text}\n`)
}

const command = parseCommandLine(process.argv.slice(2))
switch (command.kind) {
  case 'help':
    process.stdout.write(HELP)
    break
  case 'version':
    process.stdout.write(`${await readVersion()}\n`)
    break
  case 'refuse':
    complain(command.reason)
    process.exitCode = EXIT_USAGE
    break
  case 'run':
    // The network stack takes its time to load; a wrong command line is answered without it.
    await (await import('./run-node.ts')).runNode(command.config, await readVersion(), complain)
}
