import { createRouter, createWebHashHistory } from 'vue-router'
import type { Router } from 'vue-router'
import AcceptingView from './views/AcceptingView.vue'
import ConversationView from './views/ConversationView.vue'
import EmptyView from './views/EmptyView.vue'
import InviteLinkView from './views/InviteLinkView.vue'
import NewConversationView from './views/NewConversationView.vue'
import SettingsView from './views/SettingsView.vue'

/** Routes live in the fragment: any static host serves the app, and an invite never reaches its log. */
export function createAppRouter(): Router {
  return createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/', name: 'home', component: EmptyView },
      {
        path: '/new/:mode(invite|welcome)?',
        name: 'new',
        component: NewConversationView,
        props: true
      },
      { path: '/invite/:payload(.*)', name: 'invite', component: InviteLinkView, props: true },
      { path: '/accepting/:id', name: 'accepting', component: AcceptingView, props: true },
      {
        path: '/c/:id/:panel(details|verification)?',
        name: 'conversation',
        component: ConversationView,
        props: true
      },
      { path: '/settings', name: 'settings', component: SettingsView },
      { path: '/:rest(.*)*', redirect: '/' }
    ]
  })
}
