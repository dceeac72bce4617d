import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from '#protocol/errors.ts'
import { CATALOGUES, chooseLanguage, createTranslations, LANGUAGES } from '#ui/i18n/i18n.ts'

/** Every text of a catalogue with its path. */
function texts(value: unknown, path = ''): readonly (readonly [string, string])[] {
  if (typeof value === 'string') return [[path, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) =>
    texts(child, path === '' ? key : `${path}.${key}`)
  )
}

const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort()

describe('the words of the interface', () => {
  for (const language of LANGUAGES) {
    it(`every error code has words in ${language}`, () => {
      for (const code of ERROR_CODES)
        expect(CATALOGUES[language].error[code], code).toMatch(/\S{2,}.*\.?$/)
    })

    it(`no text is empty or missing in ${language}`, () => {
      for (const [path, text] of texts(CATALOGUES[language])) expect(text.trim(), path).not.toBe('')
    })

    it(`every text compiles in ${language}`, () => {
      const { t } = createTranslations(language).global
      for (const [path, text] of texts(CATALOGUES[language])) {
        if (placeholders(text).length === 0) expect(t(path), path).toBe(text)
      }
    })
  }

  it('all languages have the same texts with the same placeholders and plural forms', () => {
    const french = new Map(texts(CATALOGUES.fr))
    expect([...french.keys()].sort()).toEqual(
      texts(CATALOGUES.en)
        .map(([path]) => path)
        .sort()
    )
    for (const [path, english] of texts(CATALOGUES.en)) {
      const other = french.get(path) ?? ''
      expect(placeholders(other), path).toEqual(placeholders(english))
      expect(other.split(' | ').length, path).toBe(english.split(' | ').length)
    }
  })

  it('the names that the interface promises in English stay as they are', () => {
    const { en } = CATALOGUES
    expect(Object.values(en.connection)).toEqual([
      'Direct',
      'Relayed',
      'Via Tor',
      'Connecting',
      'Offline'
    ])
    expect(en.delivery).toEqual({
      sending: 'Sending',
      onDevice: 'On this device',
      held: 'Held by {count} node | Held by {count} nodes',
      delivered: 'Delivered',
      read: 'Read'
    })
  })

  it('one node is singular, two are plural', () => {
    const { t } = createTranslations('en').global
    expect(t('delivery.held', { count: 1 }, 1)).toBe('Held by 1 node')
    expect(t('delivery.held', { count: 2 }, 2)).toBe('Held by 2 nodes')
  })

  it('the browser’s first language that we have is chosen, English otherwise', () => {
    expect(chooseLanguage(['de-AT', 'fr-CA', 'en'])).toBe('fr')
    expect(chooseLanguage(['EN-gb', 'fr'])).toBe('en')
    expect(chooseLanguage(['ja', 'frr'])).toBe('en')
    expect(chooseLanguage([])).toBe('en')
  })
})
