import type { IceServer } from '#replica/network/network-platform.ts'

/** What the host of the static files says in `config.json` beside them. */
export interface AppConfig {
  /** Multiaddrs of pinning nodes to begin with. */
  readonly nodes: readonly string[]
  /** STUN and TURN servers for direct connections; none means that only local and public addresses are tried. */
  readonly iceServers: readonly IceServer[]
}

export const EMPTY_CONFIG: AppConfig = { nodes: [], iceServers: [] }

/** What a configuration file gave, and what in it was left out because it could not be understood. */
export interface AppConfigReading {
  readonly config: AppConfig
  readonly complaints: readonly string[]
}

/**
 * Reads parsed `config.json`. Never throws: a broken part is left out and named in `complaints`, because a typing error
 * of a host must not lock its users out.
 */
export function readAppConfig(value: unknown): AppConfigReading {
  const complaints: string[] = []
  if (!isRecord(value)) {
    return { config: EMPTY_CONFIG, complaints: ['config.json is not an object'] }
  }
  const nodes = readArray(value['nodes'], 'nodes', complaints).filter((node): node is string => {
    const isAddress = typeof node === 'string' && node.startsWith('/')
    if (!isAddress) complaints.push('an item of nodes is not a multiaddr')
    return isAddress
  })
  const iceServers = readArray(value['iceServers'], 'iceServers', complaints).flatMap((server) => {
    const read = readIceServer(server)
    if (read === undefined)
      complaints.push('an item of iceServers has no stun:, turn: or turns: urls')
    return read === undefined ? [] : [read]
  })
  return { config: { nodes, iceServers }, complaints }
}

function readArray(value: unknown, name: string, complaints: string[]): readonly unknown[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value
  complaints.push(`${name} is not a list`)
  return []
}

function readIceServer(value: unknown): IceServer | undefined {
  if (!isRecord(value)) return undefined
  const { urls, username, credential } = value
  const list: readonly unknown[] = Array.isArray(urls) ? urls : [urls]
  const read = list.filter(
    (url): url is string => typeof url === 'string' && /^(stun|turns?):/.test(url)
  )
  if (read.length === 0 || read.length !== list.length) return undefined
  return {
    urls: read,
    ...(typeof username === 'string' ? { username } : {}),
    ...(typeof credential === 'string' ? { credential } : {})
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
