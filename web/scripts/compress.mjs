// Writes .br and .gz beside every text file of the build, so that the server never compresses while it serves.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../../internal/webapp/dist/', import.meta.url).pathname;
const text = /\.(html|js|css|svg|json|webmanifest|txt)$/;

function walk(dir) {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });
}

for (const path of walk(dist)) {
  if (/\.(br|gz)$/.test(path)) rmSync(path);
}
for (const path of walk(dist)) {
  if (!text.test(path)) continue;
  const bytes = readFileSync(path);
  if (bytes.length < 512) continue; // below this the headers cost more than is saved
  writeFileSync(
    path + '.br',
    brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  );
  writeFileSync(path + '.gz', gzipSync(bytes, { level: 9 }));
}
