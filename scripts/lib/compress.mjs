// Compresses files with brotli again, in place of what cargo-leptos makes: parameters that suit WebAssembly save some
// hundred bytes. A file keeps its old form if that is smaller.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

for (const path of process.argv.slice(2)) {
  const file = readFileSync(path);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: file.length,
    [constants.BROTLI_PARAM_LGWIN]: 20,
    [constants.BROTLI_PARAM_NPOSTFIX]: 1,
  };
  const compressed = brotliCompressSync(file, { params });
  if (compressed.length < statSync(`${path}.br`).size) writeFileSync(`${path}.br`, compressed);
}
