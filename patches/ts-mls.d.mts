import type { Patch } from './apply.mjs'

export const TS_MLS: Patch
