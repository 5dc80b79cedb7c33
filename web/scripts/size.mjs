// Says what a working login page costs, and fails above the budget: every script that the entry and the sign-in screen
// import, compressed as the server sends it.
import { readdirSync, readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const budget = 60 * 1024; // bytes of gzip, so that it also holds for browsers that do not take brotli
const dist = new URL('../../internal/webapp/dist/', import.meta.url).pathname;
const assets = readdirSync(dist + 'assets');

const entry = /src="\/assets\/([^"]+\.js)"/.exec(readFileSync(dist + 'index.html', 'utf8'))?.[1];
const screen = assets.find((name) => /^SignIn-.*\.js$/.test(name));
if (!entry || !screen) throw new Error('build the app first');

const needed = new Set();
const queue = [entry, screen];
for (let name; (name = queue.pop());) {
  if (needed.has(name)) continue;
  needed.add(name);
  const text = readFileSync(`${dist}assets/${name}`, 'utf8');
  for (const [, imported] of text.matchAll(/(?:from|import)\s*"\.\/([\w-]+\.js)"/g)) queue.push(imported);
}

let [plain, gzip, brotli] = [0, 0, 0];
for (const name of needed) {
  const bytes = readFileSync(`${dist}assets/${name}`);
  plain += bytes.length;
  gzip += gzipSync(bytes, { level: 9 }).length;
  brotli += brotliCompressSync(bytes).length;
}
const kb = (n) => `${(n / 1024).toFixed(1)} KB`;
console.log(
  `login page: ${needed.size} scripts, ${kb(plain)}, ${kb(gzip)} gzip, ${kb(brotli)} brotli (budget ${kb(budget)})`,
);
if (gzip > budget) {
  console.error('over budget: load something lazily');
  process.exit(1);
}
