import { fileURLToPath } from 'node:url'
import { applyPatch } from './apply.mjs'
import { TS_MLS } from './ts-mls.mjs'

applyPatch(TS_MLS, fileURLToPath(new URL('../node_modules', import.meta.url)))
