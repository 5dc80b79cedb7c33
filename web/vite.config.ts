import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath, URL } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Where `npm run dev` finds the service; the built app is served by the service itself.
const api = process.env['COUNTERSIGN_URL'] ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [svelte()],
  resolve: {
    alias: { $lib: at('./src/lib'), $app: at('./src/app'), $locales: at('./src/locales') },
    // Under vitest Svelte would otherwise resolve to its server build.
    ...(process.env['VITEST'] ? { conditions: ['browser'] } : {}),
  },
  build: {
    outDir: at('../internal/webapp/dist'),
    // The folder keeps a .gitkeep so that the Go package compiles before the first build.
    emptyOutDir: false,
    target: 'es2022',
    // The policy allows images as data: but neither fonts nor scripts; nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/v1': api, '/demo/v1': api, '/openapi.json': api },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
  },
});
