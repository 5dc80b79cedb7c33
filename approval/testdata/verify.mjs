// A verifier of approval documents that was written from docs/approval.md alone: node verify.mjs FOLDER runs the test vectors there.
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
const refuse = (why) => {
  throw new Error(why);
};
const need = (ok, why) => ok || refuse(why);
const zero = Buffer.of(0);

function field(value) {
  const v = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(v.length);
  return Buffer.concat([length, v]);
}

function base64url(text, least, most, what) {
  need(typeof text === 'string' && /^[A-Za-z0-9_-]*$/.test(text), what);
  const b = Buffer.from(text, 'base64url');
  need(b.toString('base64url') === text && b.length >= least && b.length <= most, what);
  return b;
}

function base64(text, size, what) {
  const b = Buffer.from(text, 'base64');
  need(b.toString('base64') === text && b.length === size, what);
  return b;
}

const ascii = (s, most, what) => need(typeof s === 'string' && /^[\x21-\x7e]+$/.test(s) && s.length <= most, what);

function utf8(bytes, what) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse(what);
  }
}

// The canonical form of strings, integers, lists and objects whose members come in their order.
function canonical(value) {
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n')}"`;
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  return `{${Object.entries(value)
    .map(([k, v]) => `"${k}":${canonical(v)}`)
    .join(',')}}`;
}

function parse(text, what) {
  try {
    return JSON.parse(text);
  } catch {
    return refuse(what);
  }
}

function members(object, required, what, optional = []) {
  need(object !== null && typeof object === 'object' && !Array.isArray(object), what);
  const names = Object.keys(object);
  need(required.every((n) => names.includes(n)) && names.every((n) => required.includes(n) || optional.includes(n)), what);
  need(names.join() === [...names].sort().join(), what);
}

function time(s, what) {
  need(typeof s === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(s), what);
  const [y, mo, d, h, mi, sec] = s.match(/\d+/g).map(Number);
  const leap = (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  need(mo >= 1 && mo <= 12 && d >= 1 && d <= days[mo - 1] && h < 24 && mi < 60 && sec < 60, what);
}

function decimal(s, what) {
  need(/^(0|[1-9]\d{0,35})(\.\d{0,17}[1-9])?$/.test(s), what);
  const [whole, fraction = ''] = s.split('.');
  return BigInt(whole + fraction.padEnd(18, '0'));
}

const unseen =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/u;

function readDetails(text) {
  need(typeof text === 'string' && Buffer.byteLength(text) <= 4096, 'details');
  const d = parse(text, 'details');
  members(d, ['account', 'address', 'amount', 'asset', 'expires', 'fee', 'memo', 'network', 'relying_party', 'withdrawal'], 'details');
  need(Object.values(d).every((v) => typeof v === 'string'), 'details');
  need(canonical(d) === text, 'details');
  ascii(d.account, 128, 'account');
  ascii(d.address, 256, 'address');
  ascii(d.asset, 32, 'asset');
  ascii(d.network, 32, 'network');
  ascii(d.relying_party, 253, 'relying_party');
  ascii(d.withdrawal, 128, 'withdrawal');
  time(d.expires, 'expires');
  need(Buffer.byteLength(d.memo) <= 512 && !unseen.test(d.memo), 'memo');
  const amount = decimal(d.amount, 'amount');
  need(amount > 0n && decimal(d.fee, 'fee') < amount, 'fee');
  return d;
}

// JSON as a browser wrote it; only this reader tells a name that is there twice.
function readClientData(text) {
  const known = ['type', 'challenge', 'origin', 'crossOrigin', 'topOrigin'];
  const out = {};
  let at = 0;
  const space = () => {
    while (' \t\n\r'.includes(text[at] ?? 'x')) at++;
  };
  const token = (pattern) => {
    pattern.lastIndex = at;
    const m = pattern.exec(text);
    need(m, 'client data');
    at += m[0].length;
    return m[0];
  };
  const string = () => {
    const s = JSON.parse(token(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y));
    need(s.isWellFormed(), 'client data');
    return s;
  };
  const fold = (s) => s.replace(/\u017f/g, 's').replace(/\u212a/g, 'k').toLowerCase();
  const value = (depth) => {
    space();
    const c = text[at];
    if (c === '"') return string();
    if (c === '{' || c === '[') {
      need(depth <= 8, 'client data nests');
      const close = c === '{' ? '}' : ']';
      at++;
      space();
      if (text[at] === close) return void at++;
      for (;;) {
        space();
        let name;
        if (c === '{') {
          name = string();
          space();
          token(/:/y);
        }
        const v = value(depth + 1);
        if (c === '{' && depth === 1) {
          const i = known.findIndex((k) => fold(k) === fold(name));
          if (i >= 0) {
            need(known[i] === name && !(name in out), 'client data twice');
            out[name] = v;
          }
        }
        space();
        if (text[at] !== ',') break;
        at++;
      }
      return void need(text[at++] === close, 'client data');
    }
    return JSON.parse(token(/true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y));
  };
  space();
  need(text[at] === '{', 'client data');
  value(1);
  space();
  need(at === text.length, 'client data');
  return out;
}

// One item of CBOR from an offset; returns where it ends.
function skipCBOR(b, at, depth) {
  const head = (i) => {
    need(i < b.length, 'cbor');
    const major = b[i] >> 5;
    const info = b[i] & 31;
    if (info < 24) return { major, n: info, end: i + 1 };
    need(info <= 27, 'cbor');
    const size = 1 << (info - 24);
    need(i + 1 + size <= b.length, 'cbor');
    const n = BigInt(`0x${b.subarray(i + 1, i + 1 + size).toString('hex')}`);
    need(major !== 7 || info !== 24 || n >= 32n, 'cbor');
    return { major, n: major === 7 ? 0 : n < 1n << 32n ? Number(n) : n, end: i + 1 + size };
  };
  const { major, n, end } = head(at);
  if (major === 0 || major === 1 || major === 7) return end;
  if (major === 2 || major === 3) {
    need(n <= b.length - end, 'cbor');
    if (major === 3) utf8(b.subarray(end, end + n), 'cbor');
    return end + n;
  }
  need((major === 4 || major === 5) && depth <= 5 && n <= b.length, 'cbor');
  let i = end;
  const names = new Set();
  for (let k = 0; k < n; k++) {
    if (major === 5) {
      const h = head(i);
      need(h.major === 0 || h.major === 1 || h.major === 3, 'cbor');
      const next = skipCBOR(b, i, 9);
      const name = `${h.major}/${h.n}/${b.subarray(h.end, next).toString('hex')}`;
      need(!names.has(name), 'cbor');
      names.add(name);
      i = next;
    }
    i = skipCBOR(b, i, depth + 1);
  }
  return i;
}

function checkAuthenticatorData(b, relyingParty) {
  need(b.subarray(0, 32).equals(sha256(relyingParty)), 'rp id hash');
  const flags = b[32];
  need(flags & 1 && flags & 4 && (flags & 8 || !(flags & 16)), 'flags');
  let at = 37;
  if (flags & 64) {
    need(b.length >= at + 18, 'attested data');
    const n = b.readUInt16BE(at + 16);
    need(n <= 1023 && b.length >= at + 18 + n, 'attested data');
    at = skipCBOR(b, at + 18 + n, 1);
  }
  if (flags & 128) {
    need(at < b.length && b[at] >> 5 === 5, 'extensions');
    at = skipCBOR(b, at, 1);
  }
  need(at === b.length, 'authenticator data');
}

const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
];

function ed25519(key, what) {
  need(key.length === 32, what);
  const y = Buffer.from(key);
  y[31] &= 0x7f;
  need(!lowOrder.includes(y.toString('hex')), what);
  need(BigInt(`0x${Buffer.from(y).reverse().toString('hex')}`) < (1n << 255n) - 19n, what);
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }, format: 'jwk' });
}

function readKey(algorithm, cose) {
  const hex = cose.toString('hex');
  const u = (b) => b.toString('base64url');
  if (algorithm === -7) {
    need(cose.length === 77 && hex.startsWith('a5010203262001215820') && hex.slice(84, 90) === '225820', 'public key');
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: u(cose.subarray(10, 42)), y: u(cose.subarray(45)) }, format: 'jwk' });
  }
  if (algorithm === -8) {
    need(cose.length === 42 && hex.startsWith('a4010103272006215820'), 'public key');
    return ed25519(cose.subarray(10), 'public key');
  }
  need(algorithm === -257, 'algorithm');
  need(hex.startsWith('a401030339010020' + '59') && cose.length > 11, 'public key');
  const size = cose.readUInt16BE(9);
  const n = cose.subarray(11, 11 + size);
  const e = cose.subarray(13 + size);
  need(n.length === size && size >= 256 && size <= 512 && n[0] !== 0 && n[size - 1] & 1, 'public key');
  need(size > 256 || n[0] & 0x80, 'public key');
  need(cose[11 + size] === 0x21 && cose[12 + size] === 0x40 + e.length && e.length >= 1 && e.length <= 4 && e[0] !== 0, 'public key');
  const exponent = e.readUIntBE(0, e.length);
  need(exponent & 1 && exponent >= 3 && exponent < 2 ** 31, 'public key');
  return createPublicKey({ key: { kty: 'RSA', n: u(n), e: u(e) }, format: 'jwk' });
}

// OpenSSL takes some encodings that are not DER.
function strictDER(s) {
  const integer = (at) => {
    const n = s[at + 1];
    need(s[at] === 2 && n >= 1 && n <= 33 && at + 2 + n <= s.length, 'signature');
    need(!(s[at + 2] & 0x80) && (n === 1 || s[at + 2] !== 0 || s[at + 3] & 0x80), 'signature');
    return at + 2 + n;
  };
  need(s.length >= 8 && s[0] === 0x30 && s[1] === s.length - 2 && integer(integer(2)) === s.length, 'signature');
}

const bigDecimal = (s, what) => {
  need(typeof s === 'string' && /^(0|[1-9]\d{0,18})$/.test(s) && BigInt(s) < 1n << 62n, what);
  return BigInt(s);
};

function readCheckpoint(note) {
  need(typeof note === 'string' && Buffer.byteLength(note) <= 4096, 'checkpoint');
  const end = note.lastIndexOf('\n\n');
  need(end >= 0, 'checkpoint');
  const text = note.slice(0, end + 1);
  const line = note.slice(end + 2);
  const lines = text.split('\n');
  need(lines.length >= 4, 'checkpoint');
  const [origin, size, root] = lines;
  ascii(origin, 512, 'checkpoint');
  need(!origin.includes('+'), 'checkpoint');
  const start = `— ${origin} `;
  need(line.startsWith(start) && line.endsWith('\n'), 'checkpoint');
  const signature = base64(line.slice(start.length, -1), 68, 'checkpoint');
  return { text, origin, size: bigDecimal(size, 'checkpoint'), root: base64(root, 32, 'checkpoint'), id: signature.subarray(0, 4), signature: signature.subarray(4) };
}

// One entry and its place in the checkpoint's tree; returns its time in whole seconds, and its index.
function checkInclusion(r, kind, account, label, subject, checkpoint) {
  members(r, ['entry', 'index', 'opening', 'proof'], 'inclusion');
  const entry = base64url(r.entry, 1, 4096, 'entry');
  const index = bigDecimal(r.index, 'index');
  const opening = base64url(r.opening, 32, 32, 'opening');
  need(Array.isArray(r.proof) && r.proof.length <= 63, 'proof');
  const proof = r.proof.map((p) => base64url(p, 32, 32, 'proof'));

  const text = utf8(entry, 'entry');
  const e = parse(text, 'entry');
  members(e, ['account', 'at', 'commitment', 'kind', 'ok', 'subject', 'version'], 'entry');
  need(Object.values(e).every((v) => typeof v === 'string') && canonical(e) === text, 'entry');
  need(e.kind === kind && e.ok === 'true' && e.version === 'countersign/audit/v1' && e.account === account, 'entry');
  base64url(e.commitment, 32, 32, 'entry');
  need(/\.\d{3}Z$/.test(e.at), 'entry');
  time(e.at.replace(/\.\d{3}Z$/, 'Z'), 'entry');
  const message = Buffer.concat([Buffer.from(label), zero, ...subject]);
  need(createHmac('sha256', opening).update(message).digest('base64url') === e.subject, 'subject');

  need(index < checkpoint.size, 'proof');
  let hash = sha256(zero, entry);
  let fn = index;
  let sn = checkpoint.size - 1n;
  for (const p of proof) {
    need(sn !== 0n, 'proof');
    if (fn & 1n || fn === sn) {
      hash = sha256(Buffer.of(1), p, hash);
      while (!(fn & 1n) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      hash = sha256(Buffer.of(1), hash, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  need(sn === 0n && hash.equals(checkpoint.root), 'proof');
  return { at: e.at.slice(0, 19), index };
}

function checkLog(a, d, fingerprint, logKeys) {
  const l = a.log;
  members(l, ['checkpoint'], 'log', ['record', 'registration']);
  const checkpoint = readCheckpoint(l.checkpoint);
  const at = a.approved_at.slice(0, 19);
  let registration;
  if ('registration' in l) {
    need('passkey' in a, 'registration');
    const { credential_id, public_key } = a.passkey;
    const subject = [d.account, d.relying_party, base64url(credential_id, 1, 1023, 'credential id'), base64url(public_key, 1, 4096, 'public key')].map(field);
    registration = checkInclusion(l.registration, 'passkey.created', d.account, 'countersign/credential/v1', subject, checkpoint);
    need(registration.at <= at, 'registration');
  }
  if ('record' in l) {
    const record = checkInclusion(l.record, 'withdrawal.approved', d.account, 'countersign/approval-record/v1', [fingerprint], checkpoint);
    need(record.at === at && !(registration && registration.index >= record.index), 'record');
  }
  need('record' in l || 'registration' in l, 'log');

  if (logKeys.length === 0) return;
  const signed = logKeys.some((key) => {
    const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(key);
    const raw = base64(encoded, 33, 'log key');
    need(raw[0] === 1 && sha256(`${name}\n`, raw).subarray(0, 4).toString('hex') === id, 'log key');
    if (name !== checkpoint.origin || checkpoint.id.toString('hex') !== id) return false;
    return verify(null, Buffer.from(checkpoint.text), ed25519(raw.subarray(1), 'log key'), checkpoint.signature);
  });
  need(signed, 'checkpoint');
}

// With a key given, a document for which none vouches is refused.
const anyKey = (o) => [o.log_keys, o.public_keys, o.server_keys].some((list) => list?.length > 0);

function checkPasskey(a, d, o) {
  const p = a.passkey;
  members(p, ['algorithm', 'authenticator_data', 'client_data_json', 'credential_id', 'nonce', 'origin', 'public_key', 'relying_party', 'signature'], 'passkey');
  need(Number.isInteger(p.algorithm), 'algorithm');
  const auth = base64url(p.authenticator_data, 37, 1024, 'authenticator data');
  const client = base64url(p.client_data_json, 1, 4096, 'client data');
  base64url(p.credential_id, 1, 1023, 'credential id');
  const nonce = base64url(p.nonce, 32, 32, 'nonce');
  const publicKey = base64url(p.public_key, 1, 4096, 'public key');
  const signature = base64url(p.signature, 1, 8192, 'signature');
  ascii(p.origin, 512, 'origin');
  need(p.relying_party === d.relying_party, 'relying party');
  need(!o.origins?.length || o.origins.includes(p.origin), 'origin');

  checkAuthenticatorData(auth, p.relying_party);
  const c = readClientData(utf8(client, 'client data').replace(/^\ufeff/, ''));
  need(c.type === 'webauthn.get' && c.origin === p.origin && !('topOrigin' in c), 'client data');
  need(!('crossOrigin' in c) || c.crossOrigin === false, 'client data');
  need(c.challenge === sha256('countersign/withdrawal/v1', zero, nonce, a.details).toString('base64url'), 'challenge');

  const logKeys = o.log_keys ?? [];
  const registered = a.log?.registration && logKeys.length > 0;
  const given = (o.public_keys ?? []).includes(`${d.account}:${p.public_key}`);
  need(registered || given || !anyKey(o), 'trust');

  const key = readKey(p.algorithm, publicKey);
  const message = Buffer.concat([auth, sha256(client)]);
  if (p.algorithm === -7) strictDER(signature);
  need(verify(p.algorithm === -8 ? null : 'sha256', message, key, signature), 'signature');
}

function checkCodes(a, o) {
  const c = a.codes;
  members(c, ['attested_by', 'factors', 'key_id', 'public_key', 'signature'], 'codes');
  need(c.attested_by === 'server', 'attested by');
  ascii(c.key_id, 128, 'key id');
  const order = ['authenticator', 'email', 'phone'];
  need(Array.isArray(c.factors) && c.factors.length >= 2, 'factors');
  need(c.factors.every((f, i) => order.includes(f) && (i === 0 || order.indexOf(c.factors[i - 1]) < order.indexOf(f))), 'factors');
  const key = base64url(c.public_key, 32, 32, 'public key');
  const signature = base64url(c.signature, 64, 64, 'signature');
  const keys = o.server_keys ?? [];
  const given = keys.includes(c.public_key) || keys.includes(`${c.key_id}:${c.public_key}`);
  const recorded = a.log?.record && o.log_keys?.length > 0 && keys.length === 0;
  need(given || recorded || !anyKey(o), 'server key');
  const message = Buffer.concat([Buffer.from('countersign/approval-by-codes/v1'), zero, ...[a.details, a.approved_at, c.key_id, ...c.factors].map(field)]);
  need(verify(null, message, ed25519(key, 'public key'), signature), 'signature');
}

export function check(document, o) {
  need(document.length <= 65536, 'document');
  const text = utf8(document, 'document');
  const a = parse(text, 'document');
  members(a, ['approved_at', 'details', 'version'], 'document', ['codes', 'log', 'passkey']);
  need(canonical(a) === text, 'document');
  need(a.version === 'countersign/approval/v1', 'version');
  time(a.approved_at, 'approved_at');
  const d = readDetails(a.details);
  need('passkey' in a !== 'codes' in a, 'evidence');
  const way = 'passkey' in a ? 'passkey' : 'codes';
  need(a.approved_at <= d.expires, 'expires');
  need(!o.relying_party || o.relying_party === d.relying_party, 'relying party');
  need(!o.way || o.way === way, 'way');
  if (o.now) {
    const age = (Date.parse(o.now) - Date.parse(a.approved_at)) / 1000;
    need(age >= -60 && (!o.max_age_seconds || age <= o.max_age_seconds), 'age');
  }
  if (way === 'passkey') checkPasskey(a, d, o);
  else checkCodes(a, o);
  const { log, ...kept } = a;
  const fingerprint = sha256(canonical(kept));
  if ('log' in a) checkLog(a, d, fingerprint, o.log_keys ?? []);
  need(!o.recorded || log?.record, 'record');
  return { way, fingerprint: fingerprint.toString('hex') };
}

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node verify.mjs FOLDER, where the test vectors and their index.json are');
  process.exit(2);
}
const vectors = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
let wrong = 0;
for (const v of vectors) {
  let verdict;
  let why = '';
  try {
    verdict = check(readFileSync(join(folder, `${v.name}.json`)), v.options);
  } catch (e) {
    why = e.message;
  }
  if (v.accept !== (verdict !== undefined) || (verdict && (verdict.way !== v.way || verdict.fingerprint !== v.fingerprint))) {
    wrong++;
    console.log(`${v.name} (${v.why}): ${verdict ? JSON.stringify(verdict) : `refused: ${why}`}`);
  }
}
console.log(wrong === 0 ? `${vectors.length} vectors: all as they should be` : `${wrong} of ${vectors.length} vectors: not as they should be`);
process.exitCode = wrong === 0 ? 0 : 1;
