/** The parts of a Vite plugin that are used here; `vite` itself is no dependency of the replica. */
interface SourcePlugin {
  readonly name: string
  /** Returns the corrected source of the one module that it corrects, `null` for every other. */
  transform(source: string, id: string): { code: string; map: null } | null
}

export interface SourceCorrection extends SourcePlugin {
  readonly enforce: 'pre'
  /** The development server pre-bundles packages, and does not send them through its plugins. */
  config(): { optimizeDeps: { rolldownOptions: { plugins: SourcePlugin[] } } }
}

const MODULE = '@libp2p/webrtc/dist/src/private-to-private/initiate-connection.js'

const FAULTY_WAIT =
  /if \(channel\.readyState !== 'open'\) \{[\s\S]*?await pEvent\(channel, 'close', \{\s*signal\s*\}\);/

const CORRECT_WAIT = `if (channel.readyState === 'connecting') {
            await pEvent(channel, ['open', 'close'], { signal });
        }
        if (channel.readyState !== 'closed') {
            const closed = pEvent(channel, 'close', { signal });
            channel.close();
            await closed;
        }`

/**
 * Corrects a race in @libp2p/webrtc 6.0.33, in builds for browsers.
 *
 * Both sides close the `init` data channel: the dialler when it is connected, the listener as soon as its muxer meets
 * the channel. When the listener is faster, the dialler looks at a channel that is `closing` or `closed` and waits for
 * an `open` event that has been; the dial then hangs until its deadline although the connection stands. Between two tabs
 * of one Chromium that was 9 dials of 20, and none of 20 with the correction.
 *
 * @throws {Error} from `transform` when the module no longer has the faulty lines: then this file can go.
 */
export function correctWebrtcInitRace(): SourceCorrection {
  const plugin: SourcePlugin = {
    name: 'deaddrop:webrtc-init-race',
    transform: (source, id) => {
      if (!id.replaceAll('\\', '/').replace(/\?.*$/, '').endsWith(MODULE)) {
        return null
      }
      const code = source.replace(FAULTY_WAIT, CORRECT_WAIT)
      if (code === source) {
        throw new Error(`${MODULE} changed: check whether its init race is gone`)
      }
      return { code, map: null }
    }
  }
  return {
    ...plugin,
    enforce: 'pre',
    config: () => ({ optimizeDeps: { rolldownOptions: { plugins: [plugin] } } })
  }
}
