import type {
  ArchiveComponents,
  ArchiveReading,
  ParsedArchive
} from '#messaging/archive/archive.ts'
import { readArchive } from '#messaging/archive/read-archive.ts'

/** Exports of other messengers, written by hand in their formats. Nobody in them exists. */

export const WHATSAPP_ANDROID = [
  '31/12/2023, 21:40 - Messages and calls are end-to-end encrypted. Tap to learn more.',
  '31/12/2023, 21:41 - Alice: Happy new year!',
  'With a second line: and a colon',
  '',
  'and a fourth',
  '31/12/2023, 21:42 - Bob: <Media omitted>',
  '31/12/2023, 21:43 - Bob: IMG-20231231-WA0001.jpg (file attached)',
  'Fireworks',
  '31/12/2023, 21:44 - Bob changed the group description',
  '01/01/2024, 00:00 - Alice: ⚓ done <This message was edited>'
].join('\n')

export const WHATSAPP_IOS_FRENCH = [
  '[03/02/24, 07:05:09] Alice: \u200eLes messages et les appels sont chiffrés de bout en bout.',
  '\u200e[03/02/24, 07:06:10] Bob: \u200eimage omise',
  '[13/02/24, 07:07:11] Bob: Bonjour',
  '[13/02/24, 07:07:12] ~\u202fCarol: 03/02/24, 07:07 - ceci est cité'
].join('\r\n')

export const WHATSAPP_AMERICAN = [
  '2/3/24, 9:41\u202fPM - Alice: one',
  '2/4/24, 12:00\u202fAM - Bob: two',
  '2/13/24, 12:30\u202fPM - Bob: three'
].join('\n')

export const WHATSAPP_GERMAN = [
  '03.02.24, 21:41 - Alice: eins',
  '04.02.24, 08:00 - Bob: zwei'
].join('\n')

export const TELEGRAM_CHAT = JSON.stringify({
  name: 'Bob',
  type: 'personal_chat',
  id: 4242,
  messages: [
    {
      id: 1,
      type: 'service',
      date: '2024-02-03T10:00:00',
      date_unixtime: '1706954400',
      actor: 'Bob',
      action: 'phone_call',
      text: ''
    },
    {
      id: 2,
      type: 'message',
      date: '2024-02-03T10:00:01',
      date_unixtime: '1706954401',
      from: 'Bob',
      from_id: 'user7',
      text: 'Hello "you"',
      text_entities: []
    },
    {
      id: 3,
      type: 'message',
      date: '2024-02-03T10:00:02',
      from: 'Alice',
      from_id: 'user8',
      text: ['See ', { type: 'link', text: 'https://example.org' }, '!']
    },
    {
      id: 4,
      type: 'message',
      date: '2024-02-03T10:00:03',
      date_unixtime: '1706954403',
      from: 'Alice',
      from_id: 'user8',
      photo: '(not included)',
      text: ''
    },
    {
      id: 5,
      type: 'message',
      date_unixtime: 'soon',
      from: 'Alice',
      from_id: 'user8',
      text: 'when?'
    },
    {
      id: 6,
      type: 'message',
      date_unixtime: '1706954404',
      from: null,
      from_id: 'user9',
      text: 'gone'
    }
  ]
})

export const TELEGRAM_ACCOUNT = JSON.stringify(
  {
    about: 'Here is the data you requested.',
    personal_information: { user_id: 8, first_name: 'Alice' },
    chats: {
      list: [
        { name: 'Empty', type: 'personal_chat', id: 1, messages: [] },
        {
          name: 'Bob',
          type: 'personal_chat',
          id: 2,
          messages: [
            {
              id: 2,
              type: 'message',
              date_unixtime: '1706954401',
              from: 'Alice',
              from_id: 'user8',
              text: 'mine'
            },
            {
              id: 3,
              type: 'message',
              date_unixtime: '1706954402',
              from: 'Bob',
              from_id: 'user7',
              text: 'yours'
            }
          ]
        }
      ]
    }
  },
  null,
  1
)

export const ELEMENT_ROOM = JSON.stringify(
  {
    room_name: 'Harbour',
    room_creator: 'Alice',
    topic: '',
    export_date: '2/3/2024',
    exported_by: 'Bob',
    messages: [
      {
        type: 'm.room.member',
        sender: '@alice:example.org',
        state_key: '@alice:example.org',
        content: { membership: 'join', displayname: 'Alice' },
        origin_server_ts: 1,
        event_id: '$0'
      },
      {
        type: 'm.room.message',
        sender: '@alice:example.org',
        content: { msgtype: 'm.text', body: 'frist' },
        origin_server_ts: 1706954400000,
        event_id: '$1'
      },
      {
        type: 'm.room.message',
        sender: '@alice:example.org',
        content: {
          msgtype: 'm.text',
          body: '* first',
          'm.new_content': { msgtype: 'm.text', body: 'first' },
          'm.relates_to': { rel_type: 'm.replace', event_id: '$1' }
        },
        origin_server_ts: 1706954401000,
        event_id: '$2'
      },
      {
        type: 'm.room.message',
        sender: '@eve:example.org',
        content: {
          msgtype: 'm.text',
          body: '* forged',
          'm.new_content': { msgtype: 'm.text', body: 'forged' },
          'm.relates_to': { rel_type: 'm.replace', event_id: '$1' }
        },
        origin_server_ts: 1706954402000,
        event_id: '$3'
      },
      {
        type: 'm.room.message',
        sender: '@bob:example.org',
        content: { msgtype: 'm.image', body: 'boat.jpg', url: 'mxc://x' },
        origin_server_ts: 1706954403000,
        event_id: '$4'
      },
      {
        type: 'm.room.message',
        sender: '@bob:example.org',
        content: {},
        origin_server_ts: 1706954404000,
        event_id: '$5'
      },
      {
        type: 'm.room.encrypted',
        sender: '@bob:example.org',
        content: { algorithm: 'm.megolm.v1.aes-sha2' },
        origin_server_ts: 1706954405000,
        event_id: '$6'
      },
      {
        type: 'm.reaction',
        sender: '@bob:example.org',
        content: {},
        origin_server_ts: 1706954406000,
        event_id: '$7'
      },
      {
        type: 'm.room.message',
        sender: '@bob:example.org',
        content: { msgtype: 'm.notice', body: '<b>bold?</b>' },
        origin_server_ts: 1706954407000,
        event_id: '$8'
      }
    ]
  },
  null,
  2
)

export const SIGNAL_NOTES = [
  {
    date: '2024-02-03T10:00:00',
    sender: 'Me',
    body: 'Hello',
    quote: '',
    sticker: null,
    reactions: [],
    attachments: []
  },
  {
    date: '2024-02-03T10:00:01.250000',
    sender: 'Bob',
    body: 'Hi',
    quote: '',
    sticker: null,
    reactions: [],
    attachments: []
  },
  {
    date: '2024-02-03T10:00:02',
    sender: 'Bob',
    body: '',
    quote: '',
    sticker: null,
    reactions: [],
    attachments: [{ name: 'a.jpg', path: 'media/a.jpg' }]
  },
  {
    date: '2024-02-03T10:00:03',
    sender: 'Bob',
    body: 'x',
    quote: '',
    sticker: null,
    reactions: [],
    attachments: [],
    deleted: true
  }
]
  .map((note) => JSON.stringify(note))
  .join('\n')

export const SIGNAL_FRAMES = [
  { version: '1', backupTimeMs: '1706954400000' },
  { account: { givenName: 'Alice' } },
  { recipient: { id: '1', self: {} } },
  { recipient: { id: '2', contact: { profileGivenName: 'Bob', profileFamilyName: 'Boatman' } } },
  { chat: { id: '10', recipientId: '2' } },
  {
    chatItem: {
      chatId: '10',
      authorId: '1',
      dateSent: '1706954400000',
      outgoing: {},
      standardMessage: { text: { body: 'out' } }
    }
  },
  {
    chatItem: {
      chatId: '10',
      authorId: '2',
      dateSent: '1706954401000',
      incoming: {},
      standardMessage: { text: { body: 'in' } }
    }
  },
  {
    chatItem: {
      chatId: '10',
      authorId: '2',
      dateSent: '1706954402000',
      incoming: {},
      standardMessage: { attachments: [{}] }
    }
  },
  {
    chatItem: {
      chatId: '10',
      authorId: '2',
      dateSent: '1706954403000',
      directionless: {},
      updateMessage: {}
    }
  }
]
  .map((frame) => JSON.stringify(frame))
  .join('\n')

export const SIGNAL_ROWS = JSON.stringify([
  { id: 'a', conversationId: 'c', type: 'outgoing', body: 'out', sent_at: 1706954400000 },
  {
    id: 'b',
    conversationId: 'c',
    type: 'incoming',
    body: 'in',
    sent_at: 1706954401000,
    source: '+15550100'
  },
  { id: 'c', conversationId: 'c', type: 'call-history', body: null, sent_at: 1706954402000 }
])

export const DEADDROP_EXPORT = JSON.stringify({
  format: 'deaddrop-export',
  version: 1,
  exportedAt: 1706954400000,
  profile: { userId: 'a1', deviceId: 'd1', name: 'Alice' },
  conversations: [
    {
      id: 'c1',
      title: 'Bob',
      participants: [
        { id: 'a1', name: 'Alice', isSelf: true },
        { id: 'b2', name: 'Bob', isSelf: false }
      ],
      messages: [
        { id: '01', author: 'a1', sentAt: 1706954400000, text: 'Hello', status: 'read' },
        { id: '02', author: 'b2', sentAt: 1706954401000, text: 'Hi' }
      ]
    }
  ]
})

/** Samples by format. */
export const ALL_ARCHIVES: Readonly<Record<string, readonly string[]>> = {
  deaddrop: [DEADDROP_EXPORT],
  whatsapp: [WHATSAPP_ANDROID, WHATSAPP_IOS_FRENCH, WHATSAPP_AMERICAN, WHATSAPP_GERMAN],
  telegram: [TELEGRAM_CHAT, TELEGRAM_ACCOUNT],
  element: [ELEMENT_ROOM],
  signal: [SIGNAL_NOTES, SIGNAL_FRAMES, SIGNAL_ROWS]
}

/** Times without a zone are read as those of Greenwich. */
export const utcComponents: ArchiveComponents = {
  localTimeMs: (year, month, day, hour, minute, second) =>
    Date.UTC(year, month - 1, day, hour, minute, second)
}

export function readWhole(text: string, fileName?: string): ArchiveReading {
  const slices = readArchive(utcComponents, text, fileName)
  for (;;) {
    const step = slices.next()
    if (step.done === true) return step.value
  }
}

/** @throws {Error} when it is refused. */
export function parsed(text: string, fileName?: string): ParsedArchive {
  const reading = readWhole(text, fileName)
  if (reading.kind === 'refused') throw new Error(`refused: ${JSON.stringify(reading)}`)
  return reading.archive
}

/** Messages of the first conversation as `Name @ time: text`. */
export function linesOf(archive: ParsedArchive, index = 0): readonly string[] {
  const transcript = archive.transcripts[index]
  return (transcript?.messages ?? []).map(({ author, text, sentAtMs }) => {
    const participant = transcript?.participants[author]
    const name =
      participant?.isSelf === true ? `${participant.name ?? ''}(self)` : participant?.name
    return `${name ?? ''} @ ${new Date(sentAtMs).toISOString().slice(0, 19)}: ${text}`
  })
}
