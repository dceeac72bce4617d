import { DeadDropError } from '#protocol/errors.ts'

/** Bytes of a message id, chosen at random by the author's device. */
export const MESSAGE_ID_BYTES = 16

const MESSAGE_ID = /^[0-9a-f]{32}$/

/** Whether `value` is a message id: lower-case hex, 32 characters. */
export function isMessageId(value: string): boolean {
  return MESSAGE_ID.test(value)
}

/** @param bytes - {@link MESSAGE_ID_BYTES} bytes. */
export function messageIdFromBytes(bytes: Uint8Array): string {
  let id = ''
  for (const byte of bytes) id += byte.toString(16).padStart(2, '0')
  return id
}

/** @throws {DeadDropError} `internal` when `id` is not a message id; ids from peers are checked where they come in. */
export function messageIdToBytes(id: string): Uint8Array {
  if (!isMessageId(id)) {
    throw new DeadDropError(
      'internal',
      `message id is ${id.length} characters, expected 32 of lower-case hex`
    )
  }
  return Uint8Array.from({ length: MESSAGE_ID_BYTES }, (_, index) =>
    Number.parseInt(id.slice(2 * index, 2 * index + 2), 16)
  )
}
