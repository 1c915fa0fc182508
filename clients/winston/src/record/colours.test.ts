import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutColours } from './colours';

test('what only a terminal understands is removed, and nothing else', () => {
  const cases: [string, string][] = [
    ['plain', 'plain'],
    ['\u001b[32minfo\u001b[39m', 'info'],
    ['\u001b[1;31mERROR\u001b[0m done', 'ERROR done'],
    ['\u001b[38;5;208morange\u001b[m', 'orange'],
    ['\u001b]8;;http://x\u0007Notice\u001b]8;;\u0007', 'Notice'],
    ['\u001b]8;;http://x\u001b\\Notice\u001b]8;;\u001b\\', 'Notice'],
    ['\u009b31mfatal', 'fatal'],
    ['[32m] stays', '[32m] stays'],
  ];
  for (const [coloured, text] of cases) assert.equal(withoutColours(coloured), text);
});
