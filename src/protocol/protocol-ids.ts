/** libp2p stream protocols. The number changes when the bytes do. */
export const SYNC_PROTOCOL = '/deaddrop/sync/1.0.0'
export const DIGEST_PROTOCOL = '/deaddrop/digest/1.0.0'
export const PIN_PROTOCOL = '/deaddrop/pin/1.0.0'

/** OrbitDB access controller type: `accessController` of a manifest is `/deaddrop-gate/<gate public key, hex>`. */
export const GATE_ACCESS_TYPE = 'deaddrop-gate'

/** OrbitDB database type of every log. */
export const LOG_TYPE = 'events'

/** Suffix of the gossip topic that carries live frames (presence) of a log; entries travel on the address itself. */
export const LIVE_TOPIC_SUFFIX = '/live'

/** Domain separation: every signature covers one of these first. */
export const SIGNATURE_CONTEXT = {
  gateCertificate: 'dd/gate/v1',
  liveFrame: 'dd/live/v1',
  pinRequest: 'dd/pin-request/v1',
  pinReceipt: 'dd/pin-receipt/v1',
  deviceCertificate: 'dd/device/v1',
  leafCertificate: 'dd/leaf/v1',
  inviteBundle: 'dd/invite/v1',
  welcome: 'dd/welcome/v1'
} as const
