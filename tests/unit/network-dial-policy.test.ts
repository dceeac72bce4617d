import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { mayDial } from '#replica/network/dial-policy.ts'
import { classifyTransport } from '#replica/network/link-monitor.ts'

const PIM = '12D3KooWAFZRjDG7uDM7A9MBN2uZDawtrJQCiVsUZ2XhurNVUS4Y'
const BOB = '12D3KooWEvsPVHJjjWfvXM3R9oJdygbpDteeVCKa7E97VWnXDBJE'

describe('a page that came over https', () => {
  it.each([
    '/dns4/pim.example/tcp/443/wss',
    '/dns4/pim.example/tcp/443/tls/ws',
    '/ip4/192.168.1.7/tcp/443/tls/ws',
    '/ip4/127.0.0.1/tcp/9001/ws',
    '/ip6/::1/tcp/9001/ws',
    '/dns4/localhost/tcp/9001/ws',
    '/dns4/expyuzz4wqqyqhjn.onion/tcp/80/ws',
    `/dns4/pim.example/tcp/443/wss/p2p/${PIM}/p2p-circuit/webrtc/p2p/${BOB}`
  ])('may dial %s', (text) => {
    expect(mayDial(multiaddr(text), true)).toBe(true)
  })

  it.each([
    '/dns4/pim.example/tcp/80/ws',
    '/ip4/192.168.1.7/tcp/9001/ws',
    '/ip4/128.0.0.1/tcp/9001/ws',
    '/dns4/127.0.0.1.example/tcp/80/ws',
    '/dns4/onion/tcp/80/ws',
    `/dns4/pim.example/tcp/80/ws/p2p/${PIM}/p2p-circuit/webrtc/p2p/${BOB}`
  ])('may not dial %s', (text) => {
    expect(mayDial(multiaddr(text), true)).toBe(false)
  })
})

it('a page that came over plain http may dial plain WebSockets anywhere', () => {
  expect(mayDial(multiaddr('/ip4/192.168.1.7/tcp/9001/ws'), false)).toBe(true)
})

describe('the transport of a connection', () => {
  it.each([
    [`/ip4/127.0.0.1/tcp/9001/ws/p2p/${PIM}`, 'websocket'],
    [`/dns4/pim.example/tcp/443/wss/p2p/${PIM}`, 'websocket'],
    [`/ip4/127.0.0.1/tcp/9001/p2p/${PIM}`, 'tcp'],
    [`/ip4/127.0.0.1/udp/9003/webrtc-direct/p2p/${PIM}`, 'webrtc-direct'],
    [`/webrtc/p2p/${BOB}`, 'webrtc'],
    [`/ip4/127.0.0.1/tcp/9001/ws/p2p/${PIM}/p2p-circuit/webrtc/p2p/${BOB}`, 'webrtc'],
    [`/ip4/127.0.0.1/tcp/9001/ws/p2p/${PIM}/p2p-circuit/p2p/${BOB}`, 'relay'],
    ['/memory/x', 'memory'],
    ['/unix/%2Fsocket', 'other']
  ])('of %s is %s', (text, transport) => {
    expect(classifyTransport(multiaddr(text))).toBe(transport)
  })
})
