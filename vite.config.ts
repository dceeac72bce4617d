import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: 'src',
  plugins: [vue()],
  build: { outDir: '../dist', emptyOutDir: true },
  test: {
    root: import.meta.dirname,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['tests/{unit,properties,scenarios,compliance,architecture}/**/*.test.ts']
        }
      },
      {
        extends: true,
        test: { name: 'browser', include: ['tests/browser/**/*.test.ts'], fileParallelism: false }
      }
    ]
  }
})
