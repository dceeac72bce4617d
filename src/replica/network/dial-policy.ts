import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * Whether a page may open this address.
 *
 * Plain `ws://` shows who talks to which node to everybody on the way, so it is left to loopback, to onion services
 * (encrypted by Tor) and to pages that came over plain http themselves. All else that a transport understands is
 * allowed, private addresses included: a node in the own network is a normal node.
 *
 * @param isPageSecure - the page came over https.
 */
export function mayDial(address: Multiaddr, isPageSecure: boolean): boolean {
  const components = address.getComponents()
  const names = components.map(({ name }) => name)
  // Of a relayed address only the way to the relay is dialled here.
  const wayNames = names.includes('p2p-circuit')
    ? names.slice(0, names.indexOf('p2p-circuit'))
    : names
  const isPlainWebSocket =
    wayNames.includes('ws') && !wayNames.includes('tls') && !wayNames.includes('wss')
  return !isPlainWebSocket || !isPageSecure || isShieldedHost(components[0]?.value ?? '')
}

function isShieldedHost(host: string): boolean {
  const name = host.toLowerCase()
  return (
    name === '::1' ||
    /^127(\.\d{1,3}){3}$/.test(name) ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name.endsWith('.onion')
  )
}
