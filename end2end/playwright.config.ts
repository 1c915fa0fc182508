// Tests the whole program, once per pair of engines, in Debian's Chromium.
//
// One worker: the machine has few cores, and the tests of one pair share one server, which some of
// them kill. Each test uses unique names for its records.
import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';
import type { Options } from './fixtures/test.ts';

const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env.LOGBOOM_CHROMIUM ?? browsers.find((path) => existsSync(path));
if (!executablePath) throw new Error(`no Chromium at ${browsers.join(', ')}: run scripts/setup.sh test`);

export default defineConfig<Options>({
  testDir: 'specs',
  outputDir: 'test-results',
  workers: 1,
  // A failed test is run again once. A browser and up to three servers share two cores with whatever else the machine
  // does, so a test may wait in vain once in thousands of runs, and one such test would fail the whole run. The fault
  // stays visible: the last lines name each test that passed only when it was run again (reporter.ts). It runs in a new
  // process with new servers, so no test may rely on the records of one before it.
  retries: 1,
  // Wide limits cost nothing while all is well. A slow machine needs several times what a fast one does.
  timeout: 300_000,
  expect: { timeout: 60_000 },
  forbidOnly: true,
  reporter: [['list'], ['./reporter.ts']],
  use: {
    browserName: 'chromium',
    locale: 'en-US',
    timezoneId: 'UTC',
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath,
      args: [
        // Root cannot set up Chromium's sandbox; the pages are our own.
        '--no-sandbox',
        '--disable-gpu',
        // A foreign site on the local machine. The log-in page of a provider waits for a font otherwise.
        '--host-resolver-rules=MAP evil.example 127.0.0.1, MAP fonts.googleapis.com ~NOTFOUND',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    {
      name: 'embedded',
      use: { pair: 'embedded' },
      // An embedded engine belongs to one process.
      testIgnore: [/workers/],
    },
    {
      name: 'distributed',
      use: { pair: 'distributed' },
      // Only the embedded store has a data folder. How a door decodes requests does not depend on
      // the engines. An agent has a queue of its own; that a batch id counts once is tested on both pairs. An admin
      // would close the database that other tests share: `workers-access` has servers of its own.
      testIgnore: [
        /agent/, /data-folder/, /redaction/, /\/access-/, /\/(audit|hostile|oidc|rsyslog-tls|secrets|web-headers)\./,
        /doors-(bad-input|elasticsearch|full|gelf|loki|otlp|snippets|syslog)/,
      ],
    },
  ],
});
