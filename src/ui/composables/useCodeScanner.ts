import { onScopeDispose, readonly, ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'

/** The part of the Shape Detection API that is used; TypeScript's library does not declare it. */
interface CodeDetector {
  detect(source: HTMLVideoElement): Promise<readonly { readonly rawValue: string }[]>
}

interface CodeDetectorClass {
  new (options: { readonly formats: readonly string[] }): CodeDetector
  getSupportedFormats(): Promise<readonly string[]>
}

declare global {
  interface Window {
    readonly BarcodeDetector?: CodeDetectorClass
  }
}

const FORMAT = 'qr_code'
/** Between two looks at the picture: fast enough for a hand, slow enough for a battery. */
const LOOK_EVERY_MS = 200

/** Reading QR codes with the camera, where the browser can. */
export interface CodeScanner {
  /** `null` until the browser has said whether it can. */
  readonly isSupported: Readonly<Ref<boolean | null>>
  /** The camera's picture while scanning. */
  readonly stream: Readonly<ShallowRef<MediaStream | null>>
  /** The user or the system did not allow the camera. */
  readonly isRefused: Readonly<Ref<boolean>>
  readonly start: () => Promise<void>
  readonly stop: () => void
  /** Looks at the picture until something is read; the camera is off then. */
  readonly watch: (video: HTMLVideoElement) => void
}

/** @param onCode - told of every text that is read, once for each {@link CodeScanner.start}. */
export function useCodeScanner(onCode: (text: string) => void): CodeScanner {
  const isSupported = ref<boolean | null>(null)
  const isRefused = ref(false)
  const stream = shallowRef<MediaStream | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let isDisposed = false
  let isStarting = false

  function stop(): void {
    clearTimeout(timer)
    for (const track of stream.value?.getTracks() ?? []) track.stop()
    stream.value = null
  }

  async function look(video: HTMLVideoElement, detector: CodeDetector): Promise<void> {
    const current = stream.value
    if (current === null) return
    // A picture that cannot be read yet, or not at all: the next one may be.
    const [found] = await detector.detect(video).catch(() => [])
    if (stream.value !== current) return
    if (found !== undefined) {
      stop()
      onCode(found.rawValue)
      return
    }
    timer = setTimeout(() => void look(video, detector), LOOK_EVERY_MS)
  }

  void canScan().then((can) => {
    isSupported.value = can
  })
  onScopeDispose(() => {
    isDisposed = true
    stop()
  })

  return {
    isSupported: readonly(isSupported),
    stream,
    isRefused: readonly(isRefused),
    async start() {
      if (isStarting || stream.value !== null) return
      isStarting = true
      isRefused.value = false
      try {
        const opened = await navigator.mediaDevices.getUserMedia({
          video: { facingMode: 'environment' }
        })
        stream.value = opened
        if (isDisposed) stop()
      } catch {
        isRefused.value = true
      } finally {
        isStarting = false
      }
    },
    stop,
    watch(video) {
      if (window.BarcodeDetector === undefined) return
      void look(video, new window.BarcodeDetector({ formats: [FORMAT] }))
    }
  }
}

async function canScan(): Promise<boolean> {
  // Typed as always there; absent on pages that are not secure.
  const media = navigator.mediaDevices as MediaDevices | undefined
  if (window.BarcodeDetector === undefined || media === undefined) return false
  const formats = await window.BarcodeDetector.getSupportedFormats().catch((): string[] => [])
  return formats.includes(FORMAT)
}
