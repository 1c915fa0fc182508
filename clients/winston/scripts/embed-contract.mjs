// Embeds the server's contract in the sources, so that the package needs no further file, and so
// that there is only one copy to change.
import { readFileSync, writeFileSync } from 'node:fs';

const contract = new URL('../../../proto/logboom/v1/log_service.proto', import.meta.url);
const target = new URL('../src/wire/contract.generated.ts', import.meta.url);

const text = readFileSync(contract, 'utf8');
writeFileSync(
  target,
  `// Generated from proto/logboom/v1/log_service.proto by scripts/embed-contract.mjs.\nexport const CONTRACT = ${JSON.stringify(text)};\n`,
);
