import { useI18n } from 'vue-i18n'
import type { DeliveryStatus, DeliveryTrail } from '#messaging/delivery.ts'
import type { ErrorCode } from '../client-types.ts'
import type { Catalogue } from '../i18n/en.ts'
import type { Language } from '../i18n/i18n.ts'

// Inferred: vue-i18n's own composer type names every option that this app does not use.
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types
export function useWords() {
  const { t, locale } = useI18n<[Catalogue], Language>({ useScope: 'global' })

  /** Words for a stable error code. */
  function errorText(code: ErrorCode): string {
    return t(`error.${code}`)
  }

  /** The summary of a delivery trail, as one short phrase. */
  function deliveryText(status: DeliveryStatus, trail: DeliveryTrail | null): string {
    switch (status) {
      case 'sending':
        return t('delivery.sending')
      case 'on-device':
        return t('delivery.onDevice')
      case 'held': {
        const count = Math.max(1, trail?.nodes.length ?? 1)
        return t('delivery.held', { count }, count)
      }
      case 'delivered':
        return t('delivery.delivered')
      case 'read':
        return t('delivery.read')
    }
  }

  return { t, locale, errorText, deliveryText }
}
