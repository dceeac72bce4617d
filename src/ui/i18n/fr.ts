import type { Catalogue } from './en.ts'

/** The words of the interface in French. */
export const fr: Catalogue = {
  app: {
    name: 'DeadDrop',
    promise: 'Des conversations privées qu’aucun serveur ne peut lire, falsifier ou vendre.',
    untitled: 'DeadDrop',
    unreadTitle: '({count}) DeadDrop',
    loading: 'Ouverture de DeadDrop…'
  },
  error: {
    'invite-malformed':
      'Ce lien d’invitation n’est pas complet. Redemandez-le et copiez-le en entier.',
    'invite-unsupported-version':
      'Cette invitation vient d’un DeadDrop plus récent. Rechargez cette page pour obtenir la dernière version, puis réessayez.',
    'invite-expired': 'Cette invitation a expiré. Demandez-en une nouvelle.',
    'invite-own': 'C’est votre propre invitation. Envoyez-la à quelqu’un d’autre.',
    'invite-forged':
      'Les signatures de cette invitation ne sont pas valables : elle a pu être modifiée en chemin. Demandez-en une nouvelle par un canal sûr.',
    'invite-unreachable':
      'Aucun nœud qui garde cette invitation ne répond pour l’instant. DeadDrop continue d’essayer.',
    'identity-exists': 'Il y a déjà une identité dans ce navigateur.',
    'identity-missing': 'Créez d’abord une identité.',
    'name-empty': 'Veuillez saisir un nom.',
    'name-too-long': 'Ce nom est trop long : 64 caractères au plus.',
    'text-empty': 'Il n’y a encore rien à envoyer.',
    'text-too-long': 'Ce message est trop long. Envoyez-le en deux parties.',
    'safety-code-malformed':
      'Ce n’est pas un code de vérification complet. Scannez-le à nouveau ou copiez-le en entier.',
    'safety-code-unsupported-version':
      'Ce code de vérification vient d’un DeadDrop plus récent. Rechargez cette page pour obtenir la dernière version, puis réessayez.',
    'conversation-unknown': 'Cette conversation n’est pas sur cet appareil.',
    'conversation-read-only':
      'Cette conversation a été importée : on peut la lire, pas y répondre.',
    'archive-unknown':
      'DeadDrop ne connaît pas cet export. Choisissez le fichier texte de WhatsApp, un export JSON de Signal, Telegram ou Element, ou un export de DeadDrop ; décompressez d’abord un .zip.',
    'archive-malformed': 'Ce fichier est abîmé ou incomplet. Rien n’en a été importé.',
    'archive-too-large':
      'Ce fichier est trop grand pour être importé d’un coup. Exportez une période plus courte, ou moins de conversations, et importez les parties.',
    'archive-empty': 'Il n’y a aucun message dans ce fichier.',
    'message-unknown': 'Ce message n’est pas sur cet appareil.',
    'node-address-malformed':
      'Ce n’est pas l’adresse d’un nœud. Elle ressemble à /dns4/example.org/tcp/443/tls/ws/p2p/12D3Koo…',
    'node-unreachable': 'Le nœud ne répond pas. De nouveaux essais se font tout seuls.',
    'node-misbehaved': 'Le nœud a donné une réponse que DeadDrop n’accepte pas.',
    'node-refused':
      'Le nœud a refusé de garder cette conversation. Ajoutez un autre nœud dans les réglages.',
    'storage-full':
      'Il n’y a plus de place sur cet appareil : les nouveaux messages ne peuvent pas être gardés. Libérez de l’espace, puis réessayez.',
    'storage-denied':
      'Ce navigateur n’autorise pas DeadDrop à enregistrer quoi que ce soit. Quittez la navigation privée, ou autorisez le stockage pour ce site, puis rechargez.',
    'storage-corrupt':
      'Ce qui est enregistré sur cet appareil est illisible. N’effacez rien : rechargez la page et, si cela continue, gardez une copie du profil du navigateur.',
    'data-in-use': 'DeadDrop est déjà ouvert ailleurs avec ce profil. Fermez-le d’abord là-bas.',
    'data-newer':
      'Ce profil a été écrit par un DeadDrop plus récent. Rechargez la page pour obtenir la dernière version.',
    locked: 'DeadDrop est verrouillé. Saisissez d’abord votre phrase secrète.',
    'passphrase-missing': 'Il n’y a pas encore de phrase secrète. Définissez-en d’abord une.',
    'passphrase-wrong':
      'Ce n’est pas la phrase secrète de cet appareil. Vous pouvez réessayer autant de fois que vous voulez.',
    'passphrase-too-short':
      'Cette phrase secrète est trop courte : 8 caractères au moins, mieux encore quatre mots ou plus.',
    'passphrase-too-long': 'Cette phrase secrète est trop longue : 1 024 caractères au plus.',
    'page-not-secure':
      'Le navigateur ne permet le chiffrement que sur les pages venues par https ou de cet appareil. Demandez l’adresse https de ce site à qui l’héberge.',
    'bytes-malformed': 'DeadDrop a reçu quelque chose d’illisible et l’a écarté.',
    'bytes-too-large': 'DeadDrop a reçu quelque chose de trop grand et l’a écarté.',
    'request-malformed': 'La demande n’a pas pu être comprise.',
    'request-too-large': 'La demande dépasse la taille permise.',
    'method-unknown': 'Ce n’est pas pris en charge.',
    stopped: 'DeadDrop est arrêté. Rechargez la page.',
    internal:
      'Une erreur s’est produite dans DeadDrop. Rien n’est perdu : rechargez la page et réessayez.'
  },
  connection: {
    direct: 'Directe',
    relayed: 'Relayée',
    tor: 'Via Tor',
    connecting: 'Connexion…',
    offline: 'Hors ligne'
  },
  connectionMeaning: {
    direct: 'Vos appareils se parlent directement. Aucun nœud n’est entre eux.',
    relayed: 'Les messages passent par des nœuds qui ne peuvent pas les lire.',
    tor: 'Les messages passent par le réseau Tor : votre adresse reste cachée.',
    connecting:
      'Recherche d’un chemin vers l’autre côté. Les messages que vous écrivez sont gardés.',
    offline:
      'Les messages attendent ici, sur cet appareil, et partent tout seuls dès qu’il y a une connexion.'
  },
  step: {
    'reaching-node': 'Joindre un nœud qui garde l’invitation',
    'fetching-invite': 'Récupérer l’invitation',
    securing: 'Convenir de clés que vous seuls possédez',
    done: 'Ouvrir la conversation',
    failed: 'Arrêté'
  },
  common: {
    back: 'Retour',
    close: 'Fermer',
    cancel: 'Annuler',
    save: 'Enregistrer',
    saved: 'Enregistré',
    copy: 'Copier',
    copied: 'Copié',
    copyFailed: 'La copie n’est pas permise ici : sélectionnez le texte et copiez-le vous-même.',
    retryNow: 'Réessayer maintenant',
    tryAgain: 'Réessayer',
    today: 'Aujourd’hui',
    yesterday: 'Hier',
    unknown: 'Inconnu'
  },
  firstRun: {
    title: 'Bienvenue dans DeadDrop',
    invitedTitle: 'Quelqu’un vous invite à une conversation',
    invitedBody:
      'Elle est chiffrée de bout en bout : vous seuls pouvez la lire. Choisissez un nom et vous y êtes.',
    inviteProblem: 'Le lien d’invitation dans l’adresse ne fonctionne pas',
    inviteProblemContinue:
      'Vous pouvez quand même créer votre identité ici et accepter un autre lien plus tard.',
    nameLabel: 'Votre nom',
    namePlaceholder: 'Alice',
    nameHint: 'Les personnes à qui vous parlez le voient. Vous pourrez le changer.',
    create: 'Créer l’identité',
    creating: 'Création de vos clés…',
    points: {
      account: 'Ni compte, ni numéro de téléphone, ni mot de passe',
      sealed: 'Scellé sur cet appareil, lisible seulement par les personnes de la conversation',
      offline: 'Les messages arrivent même si vous n’êtes jamais en ligne en même temps'
    }
  },
  list: {
    zone: 'Liste des conversations',
    newConversation: 'Nouvelle conversation',
    conversations: 'Conversations',
    search: 'Rechercher',
    settings: 'Réglages',
    noMatch: 'Aucune conversation ne s’appelle « {query} ».',
    emptyTitle: 'Pas encore de conversation',
    emptyBody:
      'Envoyez un lien d’invitation à quelqu’un. Il fonctionne même quand vous êtes hors ligne.',
    unread: '{count} message non lu | {count} messages non lus',
    you: 'Vous : {text}',
    noMessages: 'Pas encore de message',
    accepting: 'Invitations en cours',
    acceptingFrom: 'Invitation de {name}',
    acceptingUnknown: 'Invitation',
    draft: 'Brouillon'
  },
  empty: {
    title: 'Vos conversations sont à gauche',
    body: 'Choisissez-en une, ou commencez-en une nouvelle.',
    firstTitle: 'Bonjour {name}',
    firstBody: 'Tout est prêt. Une conversation commence par une invitation :',
    steps: {
      invite: 'Créez une invitation et envoyez le lien à quelqu’un que vous connaissez.',
      drop: 'L’invitation attend sur des nœuds : on peut l’accepter pendant votre absence.',
      write:
        'Vous pouvez écrire aussitôt. Les nœuds gardent les messages scellés jusqu’à ce que chacun les ait.'
    }
  },
  newConversation: {
    title: 'Nouvelle conversation',
    invite: 'Inviter quelqu’un',
    inviteHint: 'Créer un lien ou un code QR pour une ou plusieurs personnes',
    creating: 'Création de l’invitation…',
    linkLabel: 'Lien d’invitation',
    copyLink: 'Copier le lien',
    linkCopied: 'Lien copié',
    share: 'Partager',
    shareText: 'Parlons sur DeadDrop :',
    qrLabel: 'Code QR d’invitation',
    expires:
      'Valable jusqu’au {date}. Plusieurs personnes peuvent l’utiliser ; chacune a sa propre conversation.',
    heldBy:
      'Fonctionne quand vous êtes hors ligne : gardée par {count} nœud | Fonctionne quand vous êtes hors ligne : gardée par {count} nœuds',
    notHeld: 'Pas encore sur un nœud : gardez cette page ouverte',
    renew: 'Créer un nouveau lien',
    warning:
      'Toute personne qui a le lien peut commencer une conversation avec vous. Envoyez-le par un canal sûr.',
    pasteTitle: 'Accepter une invitation',
    pasteInstead: 'J’ai reçu une invitation',
    pasteLabel: 'Collez un lien d’invitation',
    pastePlaceholder: 'https://…/#/invite/…',
    accept: 'Accepter l’invitation',
    checking: 'Vérification…'
  },
  accepting: {
    title: 'Acceptation d’une invitation',
    titleFrom: '{name} vous invite',
    body: 'Cette conversation est chiffrée de bout en bout. Vous pouvez fermer cette page : cela reprendra à votre retour.',
    stepsLabel: 'Étapes',
    stepDone: 'fait',
    stepNow: 'en cours',
    stepNext: 'à faire',
    retrying: 'Nouvel essai automatique.',
    since: 'Commencé {time}',
    cancel: 'Annuler',
    failedTitle: 'Cette invitation ne peut pas être acceptée',
    remove: 'Retirer',
    other: 'Utiliser un autre lien'
  },
  conversation: {
    details: 'Détails de la conversation',
    messages: 'Messages',
    message: 'Message',
    placeholder: 'Écrire un message',
    send: 'Envoyer',
    you: 'Vous',
    unreadBelow: 'Nouveaux messages',
    toNewest: 'Aller au message le plus récent',
    loadingOlder: 'Chargement de messages plus anciens…',
    loading: 'Ouverture de la conversation…',
    startTitle: 'Ici commence votre conversation avec {name}',
    startBody:
      'Vous seuls pouvez la lire. Ce que vous écrivez est scellé avant de quitter cet appareil.',
    clockAhead: 'L’horloge de l’expéditeur avance',
    deliveryOf: 'Remise : {status}',
    missing: 'Cette conversation n’est pas sur cet appareil.'
  },
  delivery: {
    sending: 'Envoi en cours',
    onDevice: 'Sur cet appareil',
    held: 'Gardé par {count} nœud | Gardé par {count} nœuds',
    delivered: 'Remis',
    read: 'Lu'
  },
  trail: {
    title: 'Parcours de ce message',
    intro: 'Chaque étape repose sur une signature que cet appareil a vérifiée.',
    onDevice: 'Sur cet appareil',
    notOnDevice: 'Écriture sur cet appareil',
    heldBy: 'Gardé par le nœud {node}',
    heldUntil: 'Promet de le garder jusqu’au {date}',
    notHeld: 'Pas encore gardé par un nœud',
    notHeldHint: 'Il reste sur cet appareil et sera proposé à nouveau tout seul.',
    deliveredTo: 'Remis à un appareil de {name}',
    device: 'Appareil {device}',
    notDelivered: 'Pas encore remis à {name}',
    readBy: 'Lu par {name}',
    notRead: 'Pas encore lu'
  },
  details: {
    title: 'Détails de la conversation',
    heading: 'Détails',
    contact: 'Contact',
    userId: 'Identifiant',
    copyUserId: 'Copier l’identifiant',
    encryption: 'Chiffrement',
    encryptionBody:
      'Les messages sont scellés avec MLS (RFC 9420). Les clés changent au fil de la conversation, et seuls vos appareils et ceux de {name} les possèdent.',
    verifyButton: 'Vérifier le contact',
    verifiedButton: 'Vérification',
    held: 'Où elle est gardée',
    heldHere: 'Sur cet appareil',
    heldNode: 'Nœud {node}',
    heldNone: 'Vos derniers messages ne sont pas encore gardés par un nœud.',
    heldSince: 'depuis {time}, promis jusqu’au {date}',
    close: 'Fermer les détails'
  },
  verification: {
    title: 'Vérification',
    close: 'Fermer la vérification',
    verified: 'Vérifié',
    notVerified: 'Non vérifié',
    openVerified: 'Vérification : vérifié',
    openNotVerified: 'Vérification : non vérifié',
    openNamesake: 'Vérification : non vérifié, nom connu sous une autre clé',
    byCode: 'Vérifié le {date} : cet appareil a comparé vos clés à tous deux.',
    byComparison: 'Vérifié le {date} : vous avez comparé le numéro de sécurité avec {name}.',
    meansVerified: 'Cela reste valable tant que {name} garde la même clé.',
    unverified:
      'Vous n’avez pas comparé de clés avec {name}. Vous parlez à la personne qui a utilisé votre lien, ou qui a fait celui que vous avez utilisé.',
    how: 'Rencontrez-vous, ou appelez-vous de façon à reconnaître la voix. Puis scannez le code l’un de l’autre, ou comparez le numéro ou les mots : ils sont identiques des deux côtés si personne ne se trouve entre vous.',
    namesakeTitle: 'Même nom, autre clé',
    namesakeUnverified:
      'Vous avez aussi une conversation avec « {name} » sous une autre clé. C’est peut-être la même personne sur un nouveau téléphone, une autre personne, ou quelqu’un qui se fait passer pour elle. DeadDrop ne peut pas le savoir.',
    namesakeVerified:
      'Vous avez déjà vérifié « {name} » sous une autre clé. Cette clé-ci n’est pas la même : c’est peut-être la même personne sur un nouveau téléphone, une autre personne, ou quelqu’un qui se fait passer pour elle. Vérifiez avant de lui faire confiance.',
    namesakeShort:
      'Vous connaissez « {name} » sous une autre clé. C’est peut-être la même personne sur un nouveau téléphone, ou une autre personne.',
    openVerifiedNamesake: 'Ouvrir la conversation vérifiée',
    openOtherNamesake: 'Ouvrir l’autre conversation',
    mine: 'Votre code',
    mineHint: '{name} le scanne ici, sur votre écran.',
    qrLabel: 'Code QR de vérification',
    copyCode: 'Copier le code',
    codeCopied: 'Code copié',
    codeHint:
      'Un code copié ne prouve quelque chose que s’il passe par une autre voie que cette conversation et que vous savez de qui il vient.',
    theirs: 'Code de {name}',
    scan: 'Scanner le code',
    scanning: 'Présentez le code de {name} devant la caméra.',
    camera: 'Image de la caméra',
    stopScan: 'Arrêter de scanner',
    cameraRefused:
      'La caméra ne peut pas être utilisée. Autorisez-la pour ce site dans le navigateur, ou collez le code.',
    noScanner:
      'Ce navigateur ne sait pas scanner de codes : collez le code, ou comparez le numéro ou les mots.',
    pasteLabel: 'Collez le code de {name}',
    check: 'Comparer le code',
    checking: 'Comparaison…',
    matched: 'Les clés correspondent. {name} est vérifié.',
    ownCode: 'C’est votre propre code. Scannez ou collez celui que voit {name}.',
    mismatchTitle: 'Les clés ne correspondent pas',
    mismatch:
      'Ce code n’appartient pas à cette conversation. Soit {name} a ouvert une autre conversation, soit quelqu’un se trouve entre vous. Assurez-vous ensemble de montrer le bon code et réessayez. Si cela se reproduit, ne faites pas confiance à cette conversation.',
    number: 'Numéro de sécurité',
    numberHint: 'Lisez-le-vous l’un à l’autre : 12 groupes, les mêmes pour vous deux.',
    words: 'Mots de sécurité',
    wordsHint:
      'La même chose en mots, pour le téléphone. Ils sont en anglais dans toutes les langues.',
    computing: 'Calcul du numéro de sécurité…',
    markHint: 'Seulement si tout était identique pour vous deux :',
    mark: 'Marquer comme vérifié',
    unmark: 'Retirer la vérification'
  },
  chip: {
    open: 'Détails de la connexion',
    peers: 'Appareils et nœuds connectés',
    noPeers: 'Personne n’est connecté pour l’instant.',
    nodes: 'Nœuds',
    noNodes: 'Aucun nœud n’est configuré. Ajoutez-en un dans les réglages.',
    milliseconds: '{ms} ms',
    unmeasured: 'pas encore mesuré',
    offlineDevice: 'Cet appareil n’a pas de réseau.',
    settings: 'Réglages du réseau'
  },
  transport: {
    webrtc: 'Direct (WebRTC)',
    'webrtc-direct': 'WebRTC vers un nœud',
    websocket: 'WebSocket',
    tcp: 'TCP',
    relay: 'Par un nœud',
    memory: 'Ce processus',
    other: 'Autre'
  },
  node: {
    connected: 'Connecté',
    connecting: 'Connexion…',
    unreachable: 'Injoignable',
    nextTry: 'prochain essai {time}',
    fromConfig: 'Fixé par ce site',
    fromUser: 'Ajouté par vous',
    fromContact: 'Nommé par une invitation'
  },
  settings: {
    title: 'Réglages',
    profile: 'Profil',
    name: 'Nom',
    userId: 'Identifiant',
    userIdHint: 'Il vient de votre clé publique. Vous pouvez le donner sans risque.',
    copyUserId: 'Copier l’identifiant',
    readReceipts: 'Envoyer des accusés de lecture',
    readReceiptsHint: 'Les personnes à qui vous parlez voient quand vous avez lu leurs messages.',
    network: 'Réseau',
    networkHint:
      'Les nœuds gardent les messages scellés jusqu’à ce que chacun les ait. Ils ne peuvent pas les lire. Mieux vaut en avoir deux qu’un seul.',
    nodes: 'Nœuds',
    nodeAddress: 'Adresse du nœud',
    addNode: 'Ajouter le nœud',
    removeNode: 'Retirer le nœud {node}',
    remove: 'Retirer',
    noNodes: 'Aucun nœud. Les messages ne passent que si vous êtes tous deux en ligne.',
    lock: 'Verrouillage',
    direct: 'Connexions directes',
    directHint:
      'Plus rapides, et sans nœud ; vos contacts peuvent voir l’adresse réseau de cet appareil.',
    storage: 'Stockage',
    persistent: 'Gardé : ce navigateur a promis de ne pas effacer vos conversations de lui-même.',
    notPersistent:
      'En danger : ce navigateur peut effacer vos conversations si la place manque. Installer DeadDrop ou l’ajouter aux favoris aide.',
    persistenceUnknown: 'Ce navigateur ne dit pas s’il peut effacer vos conversations de lui-même.',
    used: '{used} utilisés sur {quota}',
    usedOnly: '{used} utilisés',
    usedUnknown: 'Ce navigateur ne dit pas combien est utilisé.',
    appearance: 'Apparence',
    theme: 'Thème',
    themes: { system: 'Système', light: 'Clair', dark: 'Sombre' },
    language: 'Langue',
    languages: { auto: 'Celle du navigateur', en: 'English', fr: 'Français' }
  },
  data: {
    title: 'Vos données',
    fileName: 'deaddrop-export.json',
    export: 'Exporter',
    exportHint:
      'Votre profil, vos réglages et tous les messages de cet appareil en un fichier JSON. Il n’est pas chiffré : gardez-le là où vous seul pouvez le lire. Les clés n’y sont pas.',
    exportButton: 'Exporter dans un fichier',
    exporting: '{count} message écrit… | {count} messages écrits…',
    exported: 'Le fichier a été remis au navigateur.',
    import: 'Importer',
    importHint:
      'Apportez des conversations de WhatsApp (export texte), de Signal, Telegram ou Element (JSON), ou d’un export de DeadDrop. Elles restent sur cet appareil, en lecture seule.',
    choose: 'Choisir un fichier…',
    reading: 'Lecture du fichier…',
    storing: 'Enregistrement des messages…',
    found: '{messages} dans {conversations}, de {source}.',
    messages: '{count} message | {count} messages',
    conversations: '{count} conversation | {count} conversations',
    sources: {
      deaddrop: 'un export de DeadDrop',
      whatsapp: 'WhatsApp',
      signal: 'Signal',
      telegram: 'Telegram',
      element: 'Element'
    },
    skipped: {
      service:
        'Laissé de côté : {count} avis (appels, arrivées, messages supprimés) | Laissés de côté : {count} avis (appels, arrivées, messages supprimés)',
      attachment:
        'Laissé de côté : {count} fichier sans texte | Laissés de côté : {count} fichiers sans texte',
      unreadable:
        'Laissé de côté : {count} élément illisible. | Laissés de côté : {count} éléments illisibles.'
    },
    atLine: 'Ligne {line}',
    atPath: 'À {path}',
    firstAtLine: 'Le premier est à la ligne {line}.',
    firstAtPath: 'Le premier est {path}.',
    unproven:
      'Les noms, les textes et les heures sont ceux que donne le fichier. Personne ne les a signés.',
    self: 'Lequel est vous ?',
    selfNobody: 'Aucun, ou je ne sais pas',
    store: 'Importer',
    done: '{messages} : importation terminée.',
    open: 'Ouvrir « {title} »',
    imported: 'Importée',
    mark: 'Importée de {source}, {date}. Lecture seule.',
    start: 'Ici commence l’import « {name} »',
    origin: 'D’où elle vient',
    source: 'Source',
    importedAt: 'Importée',
    claimedBy: 'Exportée par, selon le fichier',
    exportedAt: 'Exportée, selon le fichier',
    size: 'Taille',
    people: 'Les personnes, comme le fichier les nomme',
    morePeople: 'et {count} autre | et {count} autres',
    remove: 'Retirer cet import…',
    removeHint: 'Ses messages sont effacés de cet appareil. C’est définitif.',
    removeForGood: 'Retirer définitivement'
  },
  passphrase: {
    none: 'Quiconque ouvre ce profil de navigateur peut lire vos conversations. Une phrase secrète les garde fermées sur cet appareil, même s’il est perdu ou saisi.',
    set: 'Vos conversations sont scellées sous votre phrase secrète sur cet appareil. Personne ne peut la retrouver si vous l’oubliez.',
    current: 'Phrase secrète actuelle',
    next: 'Nouvelle phrase secrète',
    repeat: 'Répétez la nouvelle phrase secrète',
    hint: 'Au moins quatre mots que personne ne devinerait. Elle ne quitte jamais cet appareil, et personne ne peut la retrouver.',
    mismatch: 'Les deux ne sont pas identiques.',
    setButton: 'Définir la phrase secrète',
    change: 'Changer la phrase secrète',
    remove: 'Retirer la phrase secrète',
    busy: 'En cours…',
    wasSet: 'La phrase secrète est définie. Elle vous est demandée à chaque ouverture de DeadDrop.',
    wasChanged: 'La phrase secrète est changée.',
    wasRemoved: 'La phrase secrète est retirée. DeadDrop s’ouvre de nouveau tout seul.',
    autoLock: 'Verrouillage automatique',
    autoLockHint:
      'Tant que DeadDrop est verrouillé, rien n’arrive ici : les nœuds gardent ce qui vous est envoyé.',
    autoLocks: {
      never: 'Jamais',
      'five-minutes': 'Après 5 minutes',
      'thirty-minutes': 'Après 30 minutes',
      hidden: 'Caché depuis 5 minutes'
    },
    lockNow: 'Verrouiller maintenant'
  },
  unlock: {
    title: 'DeadDrop est verrouillé',
    label: 'Phrase secrète',
    button: 'Déverrouiller',
    busy: 'Déverrouillage…'
  },
  wipe: {
    button: 'Tout effacer sur cet appareil',
    title: 'Tout effacer sur cet appareil ?',
    body: 'Votre identité, vos clés et toutes vos conversations sur cet appareil sont effacées aussitôt. C’est sans retour : il n’en existe aucune copie, et vos contacts ne pourront plus vous joindre sous cette identité.',
    settingsHint:
      'Pour le cas où cet appareil pourrait tomber en de mauvaises mains. Cela marche aussi quand DeadDrop est verrouillé.',
    confirm: 'Tout effacer',
    wiping: 'Effacement de tout sur cet appareil…',
    failed:
      'Tout n’a pas encore pu être effacé. Fermez les autres onglets de DeadDrop, puis réessayez.',
    wiped: 'Tout est effacé',
    wipedBody: 'Il ne reste rien de DeadDrop dans le stockage de ce navigateur.',
    restart: 'Recommencer'
  },
  problems: { label: 'Problèmes' },
  otherTab: {
    title: 'DeadDrop est ouvert dans un autre onglet',
    body: 'Un seul onglet est connecté à la fois, pour que rien ne parte deux fois. Vos conversations sont en sécurité.',
    use: 'Utiliser DeadDrop ici'
  },
  failure: {
    title: 'DeadDrop ne peut pas s’ouvrir',
    retry: 'Réessayer'
  }
}
