import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { LogWriter } from '#protocol/gate.ts'
import { createLogManifest } from '#protocol/log-manifest.ts'
import type { LogManifest } from '#protocol/log-manifest.ts'
import type { TestGate } from './replica-gate.ts'

/** What a process or page that is to be killed is told: the same log and the same writer in each of its lives. */
export interface CrashOrder {
  readonly name: string
  readonly gatePublicKey: string
  readonly certificate: string
  /** 32 bytes, hex. */
  readonly writerSecret: string
}

export function createCrashOrder(gate: TestGate): CrashOrder {
  const secret = ed25519.utils.randomSecretKey()
  return {
    ...gate.manifest,
    certificate: gate.certify(bytesToHex(ed25519.getPublicKey(secret))),
    writerSecret: bytesToHex(secret)
  }
}

export function readCrashOrder(order: CrashOrder): {
  readonly manifest: LogManifest
  readonly writer: LogWriter
} {
  const secret = hexToBytes(order.writerSecret)
  return {
    manifest: createLogManifest(hexToBytes(order.name), hexToBytes(order.gatePublicKey)),
    writer: {
      publicKey: bytesToHex(ed25519.getPublicKey(secret)),
      certificate: order.certificate,
      sign: async (message) => ed25519.sign(message, secret)
    }
  }
}

/** An acknowledgement as a process or page says it. A line that the kill cut is none. */
export function readAcknowledgement(line: string): readonly [number, string] | undefined {
  const match = /^(\d+) (zdpu[1-9A-HJ-NP-Za-km-z]{45})$/.exec(line)
  return match?.[2] === undefined ? undefined : [Number(match[1]), match[2]]
}
