import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    environment: 'jsdom',
    css: false,
    restoreMocks: true,
    // Said by JupyterLab's own models for each change of a document without collaboration.
    onConsoleLog: log => !/yjs#509|Invalid access: Add Yjs|Clipboard API not available/.test(log),
    server: { deps: { inline: [/@jupyterlab/, /@jupyter\//, /@lumino/] } }
  }
});
