import { describe, expect, it } from 'vitest'
import { parseCommandLine } from '#pinning-node/config.ts'

function configOf(...argv: string[]): unknown {
  const command = parseCommandLine(['--data', 'somewhere', ...argv])
  return command.kind === 'run' ? command.config : command
}

function reasonOf(...argv: string[]): string {
  const command = parseCommandLine(argv)
  return command.kind === 'refuse' ? command.reason : command.kind
}

describe('the command line of the node', () => {
  it('listens on loopback and keeps for 30 days unless told otherwise', () => {
    expect(configOf()).toEqual({
      dataDir: 'somewhere',
      wsHost: '127.0.0.1',
      wsPort: 4711,
      webrtcPort: null,
      httpHost: '127.0.0.1',
      httpPort: 4712,
      announce: [],
      maxBytes: 8 * 2 ** 30,
      maxLogs: 2_000,
      holdDays: 30,
      log: 'text'
    })
  })

  it('takes every option, with a space or with an equals sign', () => {
    expect(
      configOf(
        ...[
          '--ws-port=0',
          '--webrtc-port',
          '4713',
          '--ws-host',
          '0.0.0.0',
          '--http-port',
          '65535',
          '--http-host=::1'
        ],
        ...[
          '--announce',
          '/dns4/node.example.org/tcp/443/wss',
          '--announce=/ip4/192.0.2.1/tcp/80/ws'
        ],
        ...['--max-bytes', '500MiB', '--max-logs', '7', '--hold-days', '1', '--log', 'json']
      )
    ).toEqual({
      dataDir: 'somewhere',
      wsHost: '0.0.0.0',
      wsPort: 0,
      webrtcPort: 4713,
      httpHost: '::1',
      httpPort: 65_535,
      announce: ['/dns4/node.example.org/tcp/443/wss', '/ip4/192.0.2.1/tcp/80/ws'],
      maxBytes: 500 * 2 ** 20,
      maxLogs: 7,
      holdDays: 1,
      log: 'json'
    })
  })

  it.each([['--help'], ['--version']])('answers %s even without a folder', (flag) => {
    expect(parseCommandLine([flag])).toEqual({ kind: flag.slice(2) })
  })

  it.each([
    [[], '--data is missing: it needs a folder'],
    [['--data'], '--data needs a folder'],
    [['--data', ''], '--data needs a folder'],
    [['--data', '--log', 'json'], '--data needs a folder'],
    [['--data', 'a', '--data', 'b'], '--data is given twice'],
    [['--data', 'a', 'b'], 'unknown argument "b", try --help'],
    [['--data', 'a', '--port', '1'], 'unknown argument "--port", try --help'],
    [['--data', 'a', '--toString', '1'], 'unknown argument "--toString", try --help'],
    [
      ['--data', 'a', '--ws-port', '65536'],
      '--ws-port needs a port number in 0..65535 (0 for any free one), got "65536"'
    ],
    [
      ['--data', 'a', '--ws-port', '-1'],
      '--ws-port needs a port number in 0..65535 (0 for any free one), got "-1"'
    ],
    [
      ['--data', 'a', '--http-port', '0x1'],
      '--http-port needs a port number in 0..65535 (0 for any free one), got "0x1"'
    ],
    [
      ['--data', 'a', '--http-port', '1.5'],
      '--http-port needs a port number in 0..65535 (0 for any free one), got "1.5"'
    ],
    [
      ['--data', 'a', '--ws-host', 'node.example.org'],
      '--ws-host needs an IP address or localhost, got "node.example.org"'
    ],
    [
      ['--data', 'a', '--http-host', '1.2.3.256'],
      '--http-host needs an IP address or localhost, got "1.2.3.256"'
    ],
    [
      ['--data', 'a', '--announce', 'https://x'],
      '--announce needs a multiaddr such as /dns4/node.example.org/tcp/443/wss, got "https://x"'
    ],
    [
      ['--data', 'a', '--max-bytes', '1'],
      '--max-bytes needs a size of at least 1MiB such as 500MiB or 8GiB, got "1"'
    ],
    [
      ['--data', 'a', '--max-bytes', '1GB'],
      '--max-bytes needs a size of at least 1MiB such as 500MiB or 8GiB, got "1GB"'
    ],
    [
      ['--data', 'a', '--max-bytes', '999999999999999TiB'],
      '--max-bytes needs a size of at least 1MiB such as 500MiB or 8GiB, got "999999999999999TiB"'
    ],
    [['--data', 'a', '--max-logs', '0'], '--max-logs needs a number in 1..1000000, got "0"'],
    [
      ['--data', 'a', '--hold-days', '9999'],
      '--hold-days needs a number of days in 1..3650, got "9999"'
    ],
    [['--data', 'a', '--log', 'xml'], '--log needs json or text, got "xml"']
  ])('%j is refused: %s', (argv, reason) => {
    expect(reasonOf(...argv)).toBe(reason)
  })
})
