import pluginVue from 'eslint-plugin-vue'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'
import vueParser from 'vue-eslint-parser'

const typed = {
  projectService: true,
  extraFileExtensions: ['.vue'],
  tsconfigRootDir: import.meta.dirname
}

/**
 * typescript-eslint's `no-unsafe-type-assertion`, except that a cast to a brand, or to a list of one, passes when a comment
 * on its line, or on the line above, gives the reason: such a cast is where a value earns its brand.
 */
const { 'no-unsafe-type-assertion': unsafeAssertion } = tseslint.plugin.rules
const house = {
  rules: {
    'no-unsafe-type-assertion': {
      ...unsafeAssertion,
      create(context) {
        const { parserServices } = context.sourceCode
        const comments = context.sourceCode.getAllComments()
        const isBranded = (type) =>
          type?.getProperties().some(({ name }) => name.startsWith('__@brand')) === true
        const isBrand = ({ typeAnnotation }) => {
          const type = parserServices.getTypeAtLocation(typeAnnotation)
          return isBranded(type) || isBranded(type.getNumberIndexType())
        }
        const hasReason = (node) =>
          comments.some(
            ({ loc }) =>
              loc.start.line === node.loc.end.line || loc.end.line === node.loc.start.line - 1
          )
        const report = (problem) => {
          if (!isBrand(problem.node) || !hasReason(problem.node)) context.report(problem)
        }
        return unsafeAssertion.create(Object.create(context, { report: { value: report } }))
      }
    }
  }
}

export default defineConfig(
  {
    ignores: [
      'dist/**',
      '.cache/**',
      '.data/**',
      '**/*.cjs',
      'eslint.config.js',
      // Belongs to tsconfig.blind.json, which type-aware linting does not read.
      'tests/architecture/blind-globals.d.ts'
    ]
  },
  {
    files: ['**/*.{ts,vue}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: typed },
    plugins: { house },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-shadow': 'error',
      '@typescript-eslint/no-unsafe-type-assertion': 'off', // in favour of the next
      'house/no-unsafe-type-assertion': 'error',
      '@typescript-eslint/strict-boolean-expressions': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `void promise` is how the house says "not awaited on purpose"; the value of an arrow body is not used then.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A method that fulfils an asynchronous port may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      'no-console': 'error'
    }
  },
  {
    files: ['src/ui/**/*.vue'],
    extends: [pluginVue.configs['flat/recommended']],
    languageOptions: { parser: vueParser, parserOptions: { ...typed, parser: tseslint.parser } },
    rules: {
      'vue/no-v-html': 'error', // message text is hostile input
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/define-macros-order': 'error',
      // Prettier decides how templates are laid out.
      'vue/html-closing-bracket-newline': 'off',
      'vue/html-indent': 'off',
      'vue/html-self-closing': 'off',
      'vue/max-attributes-per-line': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/singleline-html-element-content-newline': 'off'
    }
  },
  {
    // Programs that speak to a terminal.
    files: ['pinning-node/main.ts', 'bench/**', 'tests/**', 'vite.config.ts'],
    rules: { 'no-console': 'off' }
  },
  {
    // A wrong cast in a test fails the test.
    files: ['bench/**', 'tests/**'],
    rules: { 'house/no-unsafe-type-assertion': 'off' }
  }
)
