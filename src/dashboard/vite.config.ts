/** Builds the dashboard into `dist/dashboard`, which the API serves at `/`. */
import preact from '@preact/preset-vite'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [preact()],
  root: import.meta.dirname,
  base: './',
  build: { outDir: '../../dist/dashboard', emptyOutDir: true, target: 'es2022', reportCompressedSize: false, assetsInlineLimit: 0 },
})
