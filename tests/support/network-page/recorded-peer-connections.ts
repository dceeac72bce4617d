/**
 * Every RTCPeerConnection that this page made. To be imported before anything that captures the constructor, as
 * @libp2p/webrtc does.
 */
export const recordedPeerConnections: RTCPeerConnection[] = []

const Native = globalThis.RTCPeerConnection

if (new URLSearchParams(location.search).has('without-webrtc')) {
  Reflect.deleteProperty(globalThis, 'RTCPeerConnection')
} else {
  globalThis.RTCPeerConnection = class extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration)
      recordedPeerConnections.push(this)
    }
  }
}
