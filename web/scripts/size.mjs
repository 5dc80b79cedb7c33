// Says what a working login page costs, and fails above the budget: every script that the entry and the sign-in screen
// import, compressed as the server sends it. It fails too if any of them belongs to the desk or to recordings.
import { readdirSync, readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const budget = 60 * 1024; // bytes of gzip, so that it also holds for browsers that do not take brotli
const dist = new URL('../../internal/webapp/dist/', import.meta.url).pathname;
const assets = readdirSync(dist + 'assets');

const entry = /src="\/assets\/([^"]+\.js)"/.exec(readFileSync(dist + 'index.html', 'utf8'))?.[1];
if (!entry) throw new Error('build the app first');
// Two screens have this name; the entry's table of screens says which is the customers'.
const screen = /screens\/sign-in\/SignIn\.svelte[`'"]:[^}]*?import\([`'"]\.\/(SignIn-[\w-]+\.js)/.exec(
  readFileSync(`${dist}assets/${entry}`, 'utf8'),
)?.[1];
if (!screen || !assets.includes(screen)) throw new Error('the sign-in screen was not found in the build');

const needed = new Set();
const queue = [entry, screen];
for (let name; (name = queue.pop());) {
  if (needed.has(name)) continue;
  needed.add(name);
  const text = readFileSync(`${dist}assets/${name}`, 'utf8');
  for (const [, imported] of text.matchAll(/(?:from|import)\s*"\.\/([\w-]+\.js)"/g)) queue.push(imported);
}

// Words that only their code has.
const others = { 'the desk': '/v1/desk', recordings: 'getDisplayMedia' };
let strangers = 0;

let [plain, gzip, brotli] = [0, 0, 0];
for (const name of needed) {
  const bytes = readFileSync(`${dist}assets/${name}`);
  for (const [what, word] of Object.entries(others)) {
    if (!bytes.includes(word)) continue;
    console.error(`${name} is of ${what}: the login page does not load it`);
    strangers++;
  }
  plain += bytes.length;
  gzip += gzipSync(bytes, { level: 9 }).length;
  brotli += brotliCompressSync(bytes).length;
}
const kb = (n) => `${(n / 1024).toFixed(1)} KB`;
console.log(
  `login page: ${needed.size} scripts, ${kb(plain)}, ${kb(gzip)} gzip, ${kb(brotli)} brotli (budget ${kb(budget)})`,
);
if (gzip > budget) console.error('over budget: load something lazily');
if (gzip > budget || strangers) process.exit(1);
