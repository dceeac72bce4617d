import { EMPTY_CONFIG, readAppConfig, type AppConfig } from '#client/app-config.ts'
import { lockWhenUnused } from '#client/lock-when-unused.dom.ts'
import { openBrowserDevice } from '#client/open-client.dom.ts'
import { takeOverTab, tryOwnTab, type TabOwnership } from '#client/tab-ownership.dom.ts'
import { isDeadDropError } from '#protocol/errors.ts'
import { mountDevice, mountFailure, mountOtherTab } from '#ui/mount.ts'

const element = document.querySelector('#app')
if (element === null) throw new Error('index.html has no #app')
const root = element

const appUrl = new URL(location.href)
appUrl.hash = ''
appUrl.search = ''

async function loadConfig(): Promise<AppConfig> {
  try {
    const response = await fetch('./config.json', { cache: 'no-cache' })
    return response.ok ? readAppConfig(await response.json()).config : EMPTY_CONFIG
  } catch {
    // Offline, or a host without the file: nodes from earlier settings and from invite links still work.
    return EMPTY_CONFIG
  }
}

async function begin(): Promise<void> {
  if (!isSecureContext) {
    mountFailure(root, 'page-not-secure', { onRetry: () => location.reload() })
    return
  }
  const ownership = await tryOwnTab()
  if (ownership !== undefined) {
    await run(ownership)
    return
  }
  const screen = mountOtherTab(root, {
    onUseHere: () => {
      void takeOverTab().then((taken) => {
        screen.unmount()
        return run(taken)
      })
    }
  })
}

async function run(ownership: TabOwnership): Promise<void> {
  try {
    const device = await openBrowserDevice({ config: await loadConfig(), appUrl: appUrl.href })
    const restart = Promise.withResolvers<'restart'>()
    const unwatch = lockWhenUnused(device)
    const screen = mountDevice(device, {
      element: root,
      baseUrl: appUrl.href,
      onRestart: () => {
        restart.resolve('restart')
      }
    })
    const reason = await Promise.race([ownership.handover, restart.promise])
    unwatch()
    screen.unmount()
    await device.stop()
    if (reason === 'restart') {
      await run(ownership)
      return
    }
    ownership.release()
    await begin()
  } catch (error) {
    ownership.release()
    const code = isDeadDropError(error) ? error.code : 'internal'
    const screen = mountFailure(root, code, {
      onRetry: () => {
        screen.unmount()
        void begin()
      }
    })
  }
}

void begin()
