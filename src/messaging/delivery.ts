/** The summary of a trail, weakest to strongest. `sending`: not yet in the log on this device. */
export const DELIVERY_STATUSES = ['sending', 'on-device', 'held', 'delivered', 'read'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

/** Every step of one own message, each backed by a signature that was checked. */
export interface DeliveryTrail {
  /** When the entry was on disk here, Unix ms; `null` while `sending`. */
  readonly onDeviceAtMs: number | null
  /** Node receipts, oldest first. */
  readonly nodes: readonly {
    readonly peerId: string
    readonly receivedAtMs: number
    readonly heldUntilMs: number
  }[]
  /** Receipts of the other members' devices, oldest first; times are the receiving device's. */
  readonly devices: readonly {
    readonly userId: string
    readonly deviceId: string
    readonly deliveredAtMs: number | null
    readonly readAtMs: number | null
  }[]
}
