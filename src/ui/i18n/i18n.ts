import { createI18n } from 'vue-i18n'
import { en } from './en.ts'
import type { Catalogue } from './en.ts'
import { fr } from './fr.ts'

export const LANGUAGES = ['en', 'fr'] as const
export type Language = (typeof LANGUAGES)[number]

/** All words, by language. */
export const CATALOGUES: Readonly<Record<Language, Catalogue>> = { en, fr }

/**
 * The best language that the interface has for a reader.
 *
 * @param preferred - BCP 47 tags, best first, as `navigator.languages`.
 */
export function chooseLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const primary = tag.toLowerCase().split('-')[0]
    const language = LANGUAGES.find((candidate) => candidate === primary)
    if (language !== undefined) return language
  }
  return 'en'
}

/** Translations for one mounted screen. The message compiler interprets: no `eval`, so a strict CSP holds. */
export function createTranslations(language: Language): ReturnType<typeof create> {
  return create(language)
}

function create(language: Language) {
  return createI18n<[Catalogue], Language, false>({
    // The option goes away with the mode that it switches off; until then that mode is the default.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    legacy: false,
    locale: language,
    fallbackLocale: 'en',
    messages: { en, fr },
    missingWarn: true
  })
}
