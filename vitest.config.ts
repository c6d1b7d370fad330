import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const packageSource = (name: string): string =>
  fileURLToPath(new URL(`./packages/${name}/src/index.ts`, import.meta.url));

const packages = ['core', 'nbd', 'journal', 'agent', 'server'];

/** The long run (`npm test -- --soak`) repeats what is random much more often. */
const isSoak = process.env.RETRACE_SOAK === '1';

/** Tests run on the sources; what starts the whole program (`test/`) runs what was built. */
export default defineConfig({
  resolve: {
    alias: Object.fromEntries(packages.map((name) => [`@retrace/${name}`, packageSource(name)])),
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: isSoak ? 3_600_000 : 30_000,
    ...(isSoak ? { setupFiles: ['test/lib/soak-setup.ts'] } : {}),
    hookTimeout: 60_000,
  },
});
