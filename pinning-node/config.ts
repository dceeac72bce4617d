import { isIP } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'

/** What the operator asked for. */
export interface PinningNodeConfig {
  /** Folder of this node; made when it is not there. */
  readonly dataDir: string
  readonly wsHost: string
  /** 0 means any free port. */
  readonly wsPort: number
  /** UDP port for webrtc-direct on the same host, an extra way in; `null` is none. */
  readonly webrtcPort: number | null
  readonly httpHost: string
  /** 0 means any free port. */
  readonly httpPort: number
  /** Multiaddrs that others should dial, when they differ from the sockets: behind a reverse proxy or a NAT. */
  readonly announce: readonly string[]
  /** Most bytes of entries, all logs together. */
  readonly maxBytes: number
  readonly maxLogs: number
  /** Longest promise that one request can get. */
  readonly holdDays: number
  readonly log: 'json' | 'text'
}

export type CommandLine =
  | { readonly kind: 'run'; readonly config: PinningNodeConfig }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'refuse'; readonly reason: string }

/** Loopback: browsers reach a node through a TLS proxy, and what is not asked for is not exposed. */
const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_WS_PORT = 4711
const DEFAULT_HTTP_PORT = 4712
const DEFAULT_MAX_BYTES = 8 * 2 ** 30
const DEFAULT_MAX_LOGS = 2_000
const DEFAULT_HOLD_DAYS = 30
const MAX_LOGS = 1_000_000
const MAX_HOLD_DAYS = 3_650
const MIN_BYTES = 2 ** 20
const MAX_ANNOUNCED = 8

const UNITS = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const

export const HELP = `Usage: npm run -s pinning-node -- --data DIR [options]

Holds sealed logs for DeadDrop clients, and introduces clients to each other. It cannot read what it holds.

  --data DIR            folder of this node, made if missing (required)
  --ws-port N           WebSocket port, 0 for any free one (default ${DEFAULT_WS_PORT})
  --ws-host HOST        address to listen on (default ${DEFAULT_HOST}; 0.0.0.0 for all)
  --webrtc-port N       UDP port for webrtc-direct, 0 for any free one (default none)
  --http-port N         port of /healthz, /metrics and /api/v1/info, 0 for any free one (default ${DEFAULT_HTTP_PORT})
  --http-host HOST      address to listen on (default ${DEFAULT_HOST})
  --announce MULTIADDR  address that clients should dial instead, such as /dns4/node.example.org/tcp/443/wss;
                        may be given ${MAX_ANNOUNCED} times
  --max-bytes SIZE      bytes of sealed entries to hold, such as 500MiB or 8GiB (default 8GiB)
  --max-logs N          logs to hold (default ${DEFAULT_MAX_LOGS})
  --hold-days N         longest promise for one request (default ${DEFAULT_HOLD_DAYS})
  --log json|text       form of the lines on standard output (default text)
  --help, --version

Exit codes: 0 stopped, 1 failed, 2 wrong command line, 3 the folder is in use by another node.
`

/** Reads the arguments after the program name. Pure; a wrong one is refused with what was expected. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const given = new Map<string, string>()
  const announce: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? ''
    if (argument === '--help') return { kind: 'help' }
    if (argument === '--version') return { kind: 'version' }
    const [flag, inline] = splitFlag(argument)
    if (!isFlag(flag)) return refuse(`unknown argument ${printable(argument)}, try --help`)
    const value = inline ?? argv[++i]
    if (value === undefined || value === '' || (inline === undefined && value.startsWith('--'))) {
      return refuse(`${flag} needs ${EXPECTED[flag]}`)
    }
    if (flag === '--announce') announce.push(value)
    else if (given.has(flag)) return refuse(`${flag} is given twice`)
    else given.set(flag, value)
  }

  const dataDir = given.get('--data')
  if (dataDir === undefined) return refuse(`--data is missing: it needs ${EXPECTED['--data']}`)
  const numbers = {
    wsPort: readInteger(given.get('--ws-port'), DEFAULT_WS_PORT, 0, 65_535),
    webrtcPort: given.has('--webrtc-port')
      ? readInteger(given.get('--webrtc-port'), 0, 0, 65_535)
      : null,
    httpPort: readInteger(given.get('--http-port'), DEFAULT_HTTP_PORT, 0, 65_535),
    maxBytes: readSize(given.get('--max-bytes')),
    maxLogs: readInteger(given.get('--max-logs'), DEFAULT_MAX_LOGS, 1, MAX_LOGS),
    holdDays: readInteger(given.get('--hold-days'), DEFAULT_HOLD_DAYS, 1, MAX_HOLD_DAYS)
  }
  const { wsPort, webrtcPort, httpPort, maxBytes, maxLogs, holdDays } = numbers
  if (wsPort === undefined) return wrong('--ws-port', given)
  if (webrtcPort === undefined) return wrong('--webrtc-port', given)
  if (httpPort === undefined) return wrong('--http-port', given)
  if (maxBytes === undefined) return wrong('--max-bytes', given)
  if (maxLogs === undefined) return wrong('--max-logs', given)
  if (holdDays === undefined) return wrong('--hold-days', given)
  const wsHost = readHost(given.get('--ws-host'))
  const httpHost = readHost(given.get('--http-host'))
  if (wsHost === undefined) return wrong('--ws-host', given)
  if (httpHost === undefined) return wrong('--http-host', given)
  const log = given.get('--log') ?? 'text'
  if (log !== 'json' && log !== 'text') return wrong('--log', given)
  if (announce.length > MAX_ANNOUNCED)
    return refuse(`--announce is given more than ${MAX_ANNOUNCED} times`)
  const malformed = announce.find((text) => !isMultiaddr(text))
  if (malformed !== undefined) return wrong('--announce', new Map([['--announce', malformed]]))

  return {
    kind: 'run',
    config: {
      dataDir,
      wsHost,
      wsPort,
      webrtcPort,
      httpHost,
      httpPort,
      announce,
      maxBytes,
      maxLogs,
      holdDays,
      log
    }
  }
}

const PORT = 'a port number in 0..65535 (0 for any free one)'
const HOST = 'an IP address or localhost'
const EXPECTED = {
  '--data': 'a folder',
  '--ws-port': PORT,
  '--ws-host': HOST,
  '--webrtc-port': PORT,
  '--http-port': PORT,
  '--http-host': HOST,
  '--announce': 'a multiaddr such as /dns4/node.example.org/tcp/443/wss',
  '--max-bytes': 'a size of at least 1MiB such as 500MiB or 8GiB',
  '--max-logs': `a number in 1..${MAX_LOGS}`,
  '--hold-days': `a number of days in 1..${MAX_HOLD_DAYS}`,
  '--log': 'json or text'
} as const
type Flag = keyof typeof EXPECTED

function isFlag(text: string): text is Flag {
  return Object.hasOwn(EXPECTED, text)
}

function splitFlag(argument: string): readonly [flag: string, value: string | undefined] {
  const equals = argument.indexOf('=')
  if (equals === -1) return [argument, undefined]
  return [argument.slice(0, equals), argument.slice(equals + 1)]
}

function refuse(reason: string): CommandLine {
  return { kind: 'refuse', reason }
}

function wrong(flag: Flag, given: ReadonlyMap<string, string>): CommandLine {
  return refuse(`${flag} needs ${EXPECTED[flag]}, got ${printable(given.get(flag) ?? '')}`)
}

function printable(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}

function readInteger(
  text: string | undefined,
  fallback: number,
  min: number,
  max: number
): number | undefined {
  if (text === undefined) return fallback
  if (!/^\d{1,15}$/.test(text)) return undefined
  const value = Number(text)
  return value >= min && value <= max ? value : undefined
}

function readSize(text: string | undefined): number | undefined {
  if (text === undefined) return DEFAULT_MAX_BYTES
  const match = /^(\d{1,15})(KiB|MiB|GiB|TiB|)$/.exec(text)
  if (match === null) return undefined
  const unit = match[2]
  const factor =
    unit === 'KiB' || unit === 'MiB' || unit === 'GiB' || unit === 'TiB' ? UNITS[unit] : UNITS['']
  const bytes = Number(match[1]) * factor
  return bytes >= MIN_BYTES && Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Multiaddrs of sockets take IP addresses only. */
function readHost(text: string | undefined): string | undefined {
  if (text === undefined || text === 'localhost') return DEFAULT_HOST
  return isIP(text) === 0 ? undefined : text
}

function isMultiaddr(text: string): boolean {
  try {
    return multiaddr(text).getComponents().length > 0
  } catch {
    return false
  }
}
