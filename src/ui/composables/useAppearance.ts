import { usePreferredLanguages } from '@vueuse/core'
import { computed, watch } from 'vue'
import type { Ref } from 'vue'
import type { Settings } from '#client/client.ts'
import { chooseLanguage } from '../i18n/i18n.ts'
import { useWords } from './useWords.ts'

/** Puts theme and language of the settings on the page, for as long as the calling component lives. */
export function useAppearance(settings: Readonly<Ref<Settings>>): void {
  const { locale } = useWords()
  const preferred = usePreferredLanguages()
  const language = computed(() =>
    settings.value.language === 'auto' ? chooseLanguage(preferred.value) : settings.value.language
  )
  watch(
    language,
    (value) => {
      locale.value = value
      document.documentElement.lang = value
    },
    { immediate: true }
  )
  watch(
    () => settings.value.theme,
    (theme) => {
      if (theme === 'system') document.documentElement.removeAttribute('data-theme')
      else document.documentElement.setAttribute('data-theme', theme)
    },
    { immediate: true }
  )
}
