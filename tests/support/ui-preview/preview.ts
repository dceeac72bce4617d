import { createFakeClient } from '#tests/support/ui-fake-client.ts'
import type { FakeClient, FakeConversationInit } from '#tests/support/ui-fake-client.ts'
import { createFakeDevice } from '#tests/support/ui-fake-device.ts'
import { mountDevice, mountFailure, mountOtherTab } from '#ui/mount.ts'

const element = document.querySelector('#app')
if (element === null) throw new Error('the page has no #app')

const scene = new URLSearchParams(location.search).get('scene') ?? 'full'
const baseUrl = location.href.split(/[?#]/)[0] ?? ''
const clock = { now: () => Date.now() }
window.previewCalls = []

switch (scene) {
  case 'failure':
    mountFailure(element, 'storage-denied', { onRetry: () => window.previewCalls.push('retry') })
    break
  case 'other-tab':
    mountOtherTab(element, { onUseHere: () => window.previewCalls.push('use-here') })
    break
  case 'locked':
    startWithPassphrase({ isLocked: true })
    break
  case 'passphrase':
    startWithPassphrase({ isLocked: false })
    break
  case 'first-run':
    start(createFakeClient({ clock }, { baseUrl, name: null, connection: 'connecting' }))
    break
  case 'empty':
    start(createFakeClient({ clock }, { baseUrl, name: 'Alice' }))
    break
  case 'problems':
    start(
      createFakeClient(
        { clock },
        {
          baseUrl,
          name: 'Alice',
          connection: 'offline',
          problems: ['storage-full'],
          conversations: conversations(clock.now(), 'offline')
        }
      )
    )
    break
  case 'long':
    start(
      createFakeClient(
        { clock },
        { baseUrl, name: 'Alice', conversations: [longConversation(clock.now())] }
      )
    )
    break
  case 'namesakes':
    start(
      createFakeClient(
        { clock },
        {
          baseUrl,
          name: 'Alice',
          conversations: [
            {
              title: 'Bob',
              connection: 'direct',
              messages: [{ text: 'I have a new phone', atMs: clock.now() - 60_000 }]
            },
            {
              title: 'Bob',
              connection: 'offline',
              verifiedBy: 'code',
              messages: [{ text: 'See you on Friday', atMs: clock.now() - 86_400_000 }]
            },
            { title: 'Carol', connection: 'offline', verifiedBy: 'comparison', messages: [] }
          ]
        }
      )
    )
    break
  default:
    start(
      createFakeClient(
        { clock },
        { baseUrl, name: 'Alice', conversations: conversations(clock.now(), 'direct') }
      )
    )
}

function start(client: FakeClient, device = createFakeDevice(client)): void {
  window.preview = client
  mountDevice(device, {
    element: document.querySelector('#app') ?? document.body,
    baseUrl,
    onRestart: () => window.previewCalls.push('restart')
  })
}

/** A client with conversations, behind a passphrase. */
function startWithPassphrase(init: { readonly isLocked: boolean }): void {
  const client = createFakeClient(
    { clock },
    { baseUrl, name: 'Alice', conversations: conversations(clock.now(), 'direct') }
  )
  start(client, createFakeDevice(client, { ...init, passphrase: 'correct horse battery' }))
}

function conversations(
  now: number,
  connection: 'direct' | 'offline'
): readonly FakeConversationInit[] {
  const minute = 60_000
  const day = 86_400_000
  return [
    {
      title: 'Bob',
      connection,
      messages: [
        { text: 'Hi Alice! The link worked while you were away.', atMs: now - day - 90 * minute },
        { text: 'That is the idea 🙂', atMs: now - day - 80 * minute, status: 'read' },
        {
          text: 'Shall we meet on Thursday? I found this place: https://example.org/places/harbour?table=2.',
          atMs: now - 32 * minute
        },
        { text: 'It has a quiet corner', atMs: now - 31 * minute },
        { text: 'Perfect', atMs: now - 20 * minute, status: 'read' },
        {
          text: 'I bring the plans and the second key. If the train is late I will write from the platform, so keep an eye on this conversation around seven, and do not wait outside in the rain.',
          atMs: now - 19 * minute,
          status: 'read'
        },
        { text: '👍', atMs: now - 12 * minute },
        { text: 'See you there', atMs: now - 6 * minute, status: 'delivered' },
        { text: 'Line one\nLine two\nLine three', atMs: now - 2 * minute, status: 'held' }
      ]
    },
    {
      title: 'Carol Nakamura-Østergaard',
      connection: 'relayed',
      unread: 3,
      messages: [
        { text: 'Did you see the new node?', atMs: now - 3 * day, status: 'read' },
        { text: 'Yes, it holds everything now', atMs: now - 41 * minute },
        { text: 'Thirty days, signed', atMs: now - 40 * minute },
        { text: 'Tell me when you are back', atMs: now - 39 * minute }
      ]
    },
    {
      title: 'Zoé',
      connection: 'offline',
      messages: [{ text: 'À demain !', atMs: now - 5 * day, status: 'on-device' }]
    },
    { title: 'Pim', connection: 'offline', messages: [] }
  ]
}

function longConversation(now: number): FakeConversationInit {
  return {
    title: 'Bob',
    connection: 'direct',
    unread: 40,
    messages: Array.from({ length: 1_200 }, (_, index) => {
      const text = `Message ${index + 1}${' with some more words'.repeat(index % 7)}`
      const atMs = now - (1_200 - index) * 180_000
      return index % 3 === 0 && index < 1_150
        ? { text, atMs, status: 'read' as const }
        : { text, atMs }
    })
  }
}
