import type { ConnectionKind, AcceptanceStep } from '#client/client.ts'
import type { ErrorCode } from '../client-types.ts'

type Words<K extends string> = Readonly<Record<K, string>>

const connection: Words<ConnectionKind> = {
  direct: 'Direct',
  relayed: 'Relayed',
  tor: 'Via Tor',
  connecting: 'Connecting',
  offline: 'Offline'
}

const connectionMeaning: Words<ConnectionKind> = {
  direct: 'Your devices talk to each other directly. No node is in between.',
  relayed: 'Messages travel through nodes that cannot read them.',
  tor: 'Messages travel through the Tor network: your address stays hidden.',
  connecting: 'Looking for a way to the other side. Messages that you write are kept.',
  offline:
    'Messages wait here, on this device, and leave by themselves as soon as there is a connection.'
}

const step: Words<AcceptanceStep> = {
  'reaching-node': 'Reach a node that holds the invite',
  'fetching-invite': 'Fetch the invite',
  securing: 'Agree on keys that only the two of you have',
  done: 'Open the conversation',
  failed: 'Stopped'
}

const error: Words<ErrorCode> = {
  'invite-malformed':
    'This is not a complete invite link. Ask for it again and copy the whole of it.',
  'invite-unsupported-version':
    'This invite was made by a newer DeadDrop. Reload this page to get the newest version, then try again.',
  'invite-expired': 'This invite has expired. Ask for a new one.',
  'invite-own': 'This is your own invite. Send it to somebody else.',
  'invite-forged':
    'The signatures of this invite are not right: somebody may have changed it on the way. Ask for a new one over a channel that you trust.',
  'invite-unreachable':
    'No node that holds this invite answers at the moment. DeadDrop keeps trying.',
  'identity-exists': 'There is already an identity in this browser.',
  'identity-missing': 'Create an identity first.',
  'name-empty': 'Please enter a name.',
  'name-too-long': 'This name is too long: 64 characters at most.',
  'text-empty': 'There is nothing to send yet.',
  'text-too-long': 'This message is too long. Send it in two parts.',
  'safety-code-malformed':
    'This is not a whole verification code. Scan it again, or copy the whole of it.',
  'safety-code-unsupported-version':
    'This verification code was made by a newer DeadDrop. Reload this page to get the newest version, then try again.',
  'conversation-unknown': 'This conversation is not on this device.',
  'conversation-read-only': 'This conversation was imported: it can be read, not answered.',
  'archive-unknown':
    'This is not an export that DeadDrop knows. Choose the text file of WhatsApp, a JSON export of Signal, Telegram or Element, or an export of DeadDrop; unpack a .zip first.',
  'archive-malformed': 'This file is damaged or incomplete. Nothing of it was imported.',
  'archive-too-large':
    'This file is larger than DeadDrop can take in one go. Export a shorter time, or fewer conversations, and import the parts.',
  'archive-empty': 'There is no message in this file.',
  'message-unknown': 'This message is not on this device.',
  'node-address-malformed':
    'This is not the address of a node. It looks like /dns4/example.org/tcp/443/tls/ws/p2p/12D3Koo…',
  'node-unreachable': 'The node does not answer. It is tried again by itself.',
  'node-misbehaved': 'The node answered with something that DeadDrop does not accept.',
  'node-refused': 'The node refused to hold this conversation. Add another node in the settings.',
  'storage-full':
    'This device has no room left, so new messages cannot be kept. Free some space, then try again.',
  'storage-denied':
    'This browser does not let DeadDrop store anything. Leave private browsing, or allow storage for this site, and reload.',
  'storage-corrupt':
    'What is stored on this device cannot be read. Do not clear it: reload the page, and keep a copy of the browser profile if this goes on.',
  'data-in-use': 'DeadDrop is already open elsewhere with this profile. Close it there first.',
  'data-newer':
    'This profile was written by a newer DeadDrop. Reload the page to get the newest version.',
  locked: 'DeadDrop is locked. Enter your passphrase first.',
  'passphrase-missing': 'There is no passphrase yet. Set one first.',
  'passphrase-wrong':
    'This is not the passphrase of this device. You can try again as often as you like.',
  'passphrase-too-short':
    'This passphrase is too short: 8 characters at least, better four words or more.',
  'passphrase-too-long': 'This passphrase is too long: 1,024 characters at most.',
  'page-not-secure':
    'The browser allows encryption only on pages that came over https or from this device. Ask whoever runs this site for its https address.',
  'bytes-malformed': 'Something arrived that DeadDrop cannot read. It was dropped.',
  'bytes-too-large': 'Something arrived that is larger than allowed. It was dropped.',
  'request-malformed': 'The request could not be understood.',
  'request-too-large': 'The request is larger than allowed.',
  'method-unknown': 'This is not supported.',
  stopped: 'DeadDrop has stopped. Reload the page.',
  internal: 'Something went wrong inside DeadDrop. Nothing was lost: reload the page and try again.'
}

/** The words of the interface in English. Other languages have the same shape. */
export const en = {
  app: {
    name: 'DeadDrop',
    promise: 'Private conversations that no server can read, forge or sell.',
    untitled: 'DeadDrop',
    unreadTitle: '({count}) DeadDrop',
    loading: 'Opening DeadDrop…'
  },
  error,
  connection,
  connectionMeaning,
  step,
  common: {
    back: 'Back',
    close: 'Close',
    cancel: 'Cancel',
    save: 'Save',
    saved: 'Saved',
    copy: 'Copy',
    copied: 'Copied',
    copyFailed: 'Copying is not allowed here: select the text and copy it yourself.',
    retryNow: 'Retry now',
    tryAgain: 'Try again',
    today: 'Today',
    yesterday: 'Yesterday',
    unknown: 'Unknown'
  },
  firstRun: {
    title: 'Welcome to DeadDrop',
    invitedTitle: 'Somebody invites you to a conversation',
    invitedBody:
      'It is end-to-end encrypted: only the two of you can read it. Choose a name and you are in.',
    inviteProblem: 'The invite link in the address does not work',
    inviteProblemContinue: 'You can still create your identity here and accept another link later.',
    nameLabel: 'Your name',
    namePlaceholder: 'Alice',
    nameHint: 'The people you talk to see it. You can change it later.',
    create: 'Create identity',
    creating: 'Creating your keys…',
    points: {
      account: 'No account, no phone number, no password',
      sealed: 'Sealed on this device, readable only by the people in the conversation',
      offline: 'Messages arrive even when you are never online at the same time'
    }
  },
  list: {
    zone: 'Conversation list',
    newConversation: 'New conversation',
    conversations: 'Conversations',
    search: 'Search',
    settings: 'Settings',
    noMatch: 'No conversation is called “{query}”.',
    emptyTitle: 'No conversations yet',
    emptyBody: 'Send somebody an invite link. It works even while you are offline.',
    unread: '{count} unread message | {count} unread messages',
    you: 'You: {text}',
    noMessages: 'No messages yet',
    accepting: 'Invites being accepted',
    acceptingFrom: 'Invite from {name}',
    acceptingUnknown: 'Invite',
    draft: 'Draft'
  },
  empty: {
    title: 'Your conversations are on the left',
    body: 'Choose one, or start a new one.',
    firstTitle: 'Hello {name}',
    firstBody: 'You are ready. A conversation begins with an invite:',
    steps: {
      invite: 'Create an invite and send the link to somebody you know.',
      drop: 'The invite waits on nodes, so that they can accept while you are away.',
      write: 'Both of you can write at once. Nodes hold sealed messages until everybody has them.'
    }
  },
  newConversation: {
    title: 'New conversation',
    invite: 'Invite someone',
    inviteHint: 'Make a link or a QR code for one or more people',
    creating: 'Making the invite…',
    linkLabel: 'Invite link',
    copyLink: 'Copy link',
    linkCopied: 'Link copied',
    share: 'Share',
    shareText: 'Talk to me on DeadDrop:',
    qrLabel: 'Invite QR code',
    expires:
      'Works until {date}. Several people may use it; each gets a conversation of their own.',
    heldBy:
      'Works while you are offline: held by {count} node | Works while you are offline: held by {count} nodes',
    notHeld: 'Not yet on a node: keep this page open',
    renew: 'Make a new link',
    warning:
      'Whoever has the link can start a conversation with you. Send it over a channel that you trust.',
    pasteTitle: 'Accept an invite',
    pasteInstead: 'I have received an invite',
    pasteLabel: 'Paste an invite link',
    pastePlaceholder: 'https://…/#/invite/…',
    accept: 'Accept invite',
    checking: 'Checking…'
  },
  accepting: {
    title: 'Accepting an invite',
    titleFrom: '{name} invites you',
    body: 'This conversation is end-to-end encrypted. You can close this page: it goes on when you come back.',
    stepsLabel: 'Steps',
    stepDone: 'done',
    stepNow: 'in progress',
    stepNext: 'to do',
    retrying: 'Trying again by itself.',
    since: 'Started {time}',
    cancel: 'Cancel',
    failedTitle: 'This invite cannot be accepted',
    remove: 'Remove',
    other: 'Use another link'
  },
  conversation: {
    details: 'Conversation details',
    messages: 'Messages',
    message: 'Message',
    placeholder: 'Write a message',
    send: 'Send',
    you: 'You',
    unreadBelow: 'New messages',
    toNewest: 'Go to the newest message',
    loadingOlder: 'Loading older messages…',
    loading: 'Opening the conversation…',
    startTitle: 'This is the beginning of your conversation with {name}',
    startBody:
      'Only the two of you can read it. What you write is sealed before it leaves this device.',
    clockAhead: 'The clock of the sender is ahead',
    deliveryOf: 'Delivery: {status}',
    missing: 'This conversation is not on this device.'
  },
  delivery: {
    sending: 'Sending',
    onDevice: 'On this device',
    held: 'Held by {count} node | Held by {count} nodes',
    delivered: 'Delivered',
    read: 'Read'
  },
  trail: {
    title: 'Delivery of this message',
    intro: 'Each step is backed by a signature that this device has checked.',
    onDevice: 'On this device',
    notOnDevice: 'Being written to this device',
    heldBy: 'Held by node {node}',
    heldUntil: 'Promises to hold it until {date}',
    notHeld: 'Not yet held by a node',
    notHeldHint: 'It stays on this device and is offered again by itself.',
    deliveredTo: 'Delivered to a device of {name}',
    device: 'Device {device}',
    notDelivered: 'Not yet delivered to {name}',
    readBy: 'Read by {name}',
    notRead: 'Not yet read'
  },
  details: {
    title: 'Conversation details',
    heading: 'Details',
    contact: 'Contact',
    userId: 'User id',
    copyUserId: 'Copy user id',
    encryption: 'Encryption',
    encryptionBody:
      'Messages are sealed with MLS (RFC 9420). Keys change as you talk, and only your devices and those of {name} have them.',
    verifyButton: 'Verify contact',
    verifiedButton: 'Verification',
    held: 'Where it is held',
    heldHere: 'On this device',
    heldNode: 'Node {node}',
    heldNone: 'Your last messages are not yet held by a node.',
    heldSince: 'since {time}, promised until {date}',
    close: 'Close details'
  },
  verification: {
    title: 'Verification',
    close: 'Close verification',
    verified: 'Verified',
    notVerified: 'Not verified',
    openVerified: 'Verification: verified',
    openNotVerified: 'Verification: not verified',
    openNamesake: 'Verification: not verified, name known under another key',
    byCode: 'Verified on {date}: this device compared the keys of both of you.',
    byComparison: 'Verified on {date}: you compared the safety number with {name}.',
    meansVerified: 'It stays so for as long as {name} keeps the same key.',
    unverified:
      'You have not compared keys with {name}. The conversation is with whoever used your link, or made the one that you used.',
    how: 'Meet, or call each other so that you recognise the voice. Then scan each other’s code, or compare the number or the words: they are the same on both sides when nobody stands between you.',
    namesakeTitle: 'Same name, another key',
    namesakeUnverified:
      'You also have a conversation with a {name} whose key is another one. It may be the same person on a new phone, a different person, or somebody who poses as them. DeadDrop cannot tell which.',
    namesakeVerified:
      'You have verified a {name} before, under another key. This is not that key: it may be the same person on a new phone, a different person, or somebody who poses as them. Verify before you trust it.',
    namesakeShort:
      'You know a {name} under another key. This may be the same person on a new phone, or a different person.',
    openVerifiedNamesake: 'Open the verified conversation',
    openOtherNamesake: 'Open the other conversation',
    mine: 'Your code',
    mineHint: '{name} scans it here, on your screen.',
    qrLabel: 'Verification QR code',
    copyCode: 'Copy code',
    codeCopied: 'Code copied',
    codeHint:
      'A copied code proves something only when it travels another way than this conversation, and you know who it comes from.',
    theirs: 'Code of {name}',
    scan: 'Scan code',
    scanning: 'Hold the code of {name} in front of the camera.',
    camera: 'Camera picture',
    stopScan: 'Stop scanning',
    cameraRefused:
      'The camera cannot be used. Allow it for this site in the browser, or paste the code.',
    noScanner:
      'This browser cannot scan codes: paste the code, or compare the number or the words.',
    pasteLabel: 'Paste the code of {name}',
    check: 'Check code',
    checking: 'Checking…',
    matched: 'The keys match. {name} is verified.',
    ownCode: 'This is your own code. Scan or paste the one that {name} sees.',
    mismatchTitle: 'The keys do not match',
    mismatch:
      'This code does not belong to this conversation. Either {name} has opened another conversation, or somebody stands between you. Check together that both of you show the right one and try again. If it happens again, do not trust this conversation.',
    number: 'Safety number',
    numberHint: 'Read it to each other: 12 groups, the same for both of you.',
    words: 'Safety words',
    wordsHint: 'The same in words, for the telephone. They are English in every language.',
    computing: 'Calculating the safety number…',
    markHint: 'Only if all of it was the same for both of you:',
    mark: 'Mark as verified',
    unmark: 'Remove verification'
  },
  chip: {
    open: 'Connection details',
    peers: 'Connected devices and nodes',
    noPeers: 'Nobody is connected at the moment.',
    nodes: 'Nodes',
    noNodes: 'No node is configured. Add one in the settings.',
    milliseconds: '{ms} ms',
    unmeasured: 'not measured yet',
    offlineDevice: 'This device has no network.',
    settings: 'Network settings'
  },
  transport: {
    webrtc: 'Direct (WebRTC)',
    'webrtc-direct': 'WebRTC to a node',
    websocket: 'WebSocket',
    tcp: 'TCP',
    relay: 'Through a node',
    memory: 'This process',
    other: 'Other'
  },
  node: {
    connected: 'Connected',
    connecting: 'Connecting',
    unreachable: 'Unreachable',
    nextTry: 'next try {time}',
    fromConfig: 'Set by this site',
    fromUser: 'Added by you',
    fromContact: 'Named by an invite'
  },
  settings: {
    title: 'Settings',
    profile: 'Profile',
    name: 'Name',
    userId: 'User id',
    userIdHint: 'Made from your public key. It is safe to share.',
    copyUserId: 'Copy user id',
    readReceipts: 'Send read receipts',
    readReceiptsHint: 'The people you talk to see when you have read their messages.',
    network: 'Network',
    networkHint:
      'Nodes hold sealed messages until everybody has them. They cannot read them. Two or more are safer than one.',
    nodes: 'Nodes',
    nodeAddress: 'Node address',
    addNode: 'Add node',
    removeNode: 'Remove node {node}',
    remove: 'Remove',
    noNodes: 'No nodes. Messages only travel while you and the other person are both online.',
    lock: 'Lock',
    direct: 'Direct connections',
    directHint:
      'Faster, and works without nodes; your contacts can see the network address of this device.',
    storage: 'Storage',
    persistent: 'Kept: this browser has promised not to delete your conversations by itself.',
    notPersistent:
      'At risk: this browser may delete your conversations when space gets short. Installing DeadDrop or bookmarking it helps.',
    persistenceUnknown:
      'This browser does not say whether it may delete your conversations by itself.',
    used: '{used} used of {quota}',
    usedOnly: '{used} used',
    usedUnknown: 'This browser does not say how much is used.',
    appearance: 'Appearance',
    theme: 'Theme',
    themes: { system: 'System', light: 'Light', dark: 'Dark' },
    language: 'Language',
    languages: { auto: 'Same as the browser', en: 'English', fr: 'Français' }
  },
  data: {
    title: 'Your data',
    fileName: 'deaddrop-export.json',
    export: 'Export',
    exportHint:
      'Your profile, settings and all messages of this device as one JSON file. It is not encrypted: keep it where only you can read it. Keys are not in it.',
    exportButton: 'Export as a file',
    exporting: '{count} message written… | {count} messages written…',
    exported: 'The file was handed to the browser.',
    import: 'Import',
    importHint:
      'Bring conversations from WhatsApp (text export), Signal, Telegram or Element (JSON), or from an export of DeadDrop. They stay on this device, read-only.',
    choose: 'Choose a file…',
    reading: 'Reading the file…',
    storing: 'Storing the messages…',
    found: '{messages} in {conversations}, from {source}.',
    messages: '{count} message | {count} messages',
    conversations: '{count} conversation | {count} conversations',
    sources: {
      deaddrop: 'an export of DeadDrop',
      whatsapp: 'WhatsApp',
      signal: 'Signal',
      telegram: 'Telegram',
      element: 'Element'
    },
    skipped: {
      service:
        'Left out: {count} notice (calls, joins, deleted messages) | Left out: {count} notices (calls, joins, deleted messages)',
      attachment: 'Left out: {count} file without words | Left out: {count} files without words',
      unreadable:
        'Left out: {count} item that cannot be read. | Left out: {count} items that cannot be read.'
    },
    atLine: 'Line {line}',
    atPath: 'At {path}',
    firstAtLine: 'The first is in line {line}.',
    firstAtPath: 'The first is {path}.',
    unproven: 'Names, texts and times are what the file says. Nobody has signed them.',
    self: 'Which of these is you?',
    selfNobody: 'None of them, or not sure',
    store: 'Import',
    done: '{messages} imported.',
    open: 'Open “{title}”',
    imported: 'Imported',
    mark: 'Imported from {source}, {date}. Read-only.',
    start: 'This is the beginning of the import “{name}”',
    origin: 'Where it comes from',
    source: 'Source',
    importedAt: 'Imported',
    claimedBy: 'Exported by, as the file says',
    exportedAt: 'Exported, as the file says',
    size: 'Size',
    people: 'People in it, as the file calls them',
    morePeople: 'and {count} other | and {count} others',
    remove: 'Remove this import…',
    removeHint: 'Its messages are removed from this device. This cannot be undone.',
    removeForGood: 'Remove for good'
  },
  passphrase: {
    none: 'Whoever opens this browser profile can read your conversations. A passphrase keeps them closed on this device, also when it is lost or taken.',
    set: 'Your conversations are sealed under your passphrase on this device. Nobody can bring it back if you forget it.',
    current: 'Current passphrase',
    next: 'New passphrase',
    repeat: 'Repeat the new passphrase',
    hint: 'Four or more words that nobody would guess. It never leaves this device, and nobody can bring it back.',
    mismatch: 'The two are not the same.',
    setButton: 'Set passphrase',
    change: 'Change passphrase',
    remove: 'Remove passphrase',
    busy: 'Working…',
    wasSet: 'The passphrase is set. You are asked for it whenever DeadDrop opens.',
    wasChanged: 'The passphrase is changed.',
    wasRemoved: 'The passphrase is removed. DeadDrop opens by itself again.',
    autoLock: 'Lock by itself',
    autoLockHint: 'While DeadDrop is locked, nothing arrives here: nodes hold what is sent to you.',
    autoLocks: {
      never: 'Never',
      'five-minutes': 'After 5 minutes',
      'thirty-minutes': 'After 30 minutes',
      hidden: 'When hidden for 5 minutes'
    },
    lockNow: 'Lock now'
  },
  unlock: {
    title: 'DeadDrop is locked',
    label: 'Passphrase',
    button: 'Unlock',
    busy: 'Unlocking…'
  },
  wipe: {
    button: 'Delete everything on this device',
    title: 'Delete everything on this device?',
    body: 'Your identity, your keys and all your conversations on this device are deleted at once. This cannot be undone: there is no copy anywhere, and your contacts cannot reach you under this identity again.',
    settingsHint:
      'For when this device may fall into wrong hands. It also works while DeadDrop is locked.',
    confirm: 'Delete everything',
    wiping: 'Deleting everything on this device…',
    failed: 'Not everything could be deleted yet. Close other tabs of DeadDrop, then try again.',
    wiped: 'Everything is deleted',
    wipedBody: 'Nothing of DeadDrop is left in the storage of this browser.',
    restart: 'Start anew'
  },
  problems: { label: 'Problems' },
  otherTab: {
    title: 'DeadDrop is open in another tab',
    body: 'One tab at a time is connected, so that nothing is sent twice. Your conversations are safe.',
    use: 'Use DeadDrop here'
  },
  failure: {
    title: 'DeadDrop cannot open',
    retry: 'Try again'
  }
}

/** Shape that every language fills. */
export type Catalogue = typeof en
