import { defineConfig, devices } from '@playwright/test';
import { execFileSync } from 'node:child_process';

// The system's own Chromium: nothing is downloaded beside the packages.
const chromium = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();

const quiet = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
// Chromium refuses to run its sandbox as root.
const args = process.getuid?.() === 0 ? ['--no-sandbox', ...quiet] : quiet;

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/run',
  fullyParallel: true,
  workers: 2,
  forbidOnly: !!process.env['CI'],
  // An authenticator's code serves once in 30 seconds; flows that need three wait for the third.
  timeout: 90_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    launchOptions: { executablePath: chromium, args },
    actionTimeout: 10_000,
    navigationTimeout: 15_000,
    locale: 'en-GB',
    timezoneId: 'Europe/Lisbon',
    trace: 'off',
    screenshot: 'only-on-failure',
  },
  projects: [
    { name: 'prepare', testMatch: 'prepare.ts' },
    {
      name: 'promises',
      testMatch: '*.spec.ts',
      dependencies: ['prepare'],
      use: { ...devices['Desktop Chrome'], viewport: { width: 1440, height: 900 } },
    },
    { name: 'shots', testMatch: 'shots.ts', dependencies: ['prepare'] },
  ],
});
