/// <reference types="vite/client" />

/** What tools that do not read single-file components know of one; vue-tsc reads the file itself. */
declare module '*.vue' {
  import type { DefineComponent } from 'vue'

  const component: DefineComponent
  export default component
}
