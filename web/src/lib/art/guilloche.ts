/*
 * The art of security printing, as pure functions from 32 bytes to SVG path data. It is for recognition only: two digests
 * can look alike, so nothing here is ever offered for comparison, and all of it is hidden from assistive technology.
 */

/** The brand's own digest: SHA-256 of "countersign". */
export const brandDigest = 'eedfd749e2646de3fb66b471ce392177a35f36295d66514234627f7b5a28097b';

/** 32 bytes of hex; anything shorter or malformed is repeated and cleaned, since art must never throw. */
function bytes(hex: string): number[] {
  const pairs = hex.match(/[0-9a-f]{2}/gi) ?? ['5d'];
  return Array.from({ length: 32 }, (_, i) => parseInt(pairs[i % pairs.length] ?? '5d', 16));
}

/** Spreads any text over 32 bytes of hex, for art about something that has no digest of its own. Not a secure hash. */
export function digestForArt(text: string): string {
  let a = 0x9e3779b9;
  for (const char of text) a = Math.imul(a ^ (char.codePointAt(0) ?? 0), 0x85ebca6b);
  let hex = '';
  for (let i = 0; i < 32; i++) {
    a ^= a << 13;
    a ^= a >>> 17;
    a ^= a << 5;
    hex += ((a >>> 8) & 255).toString(16).padStart(2, '0');
  }
  return hex;
}

const bandRadii = [
  { inner: 67, outer: 97, least: 9, spread: 7, turnsLeast: 3, turnsSpread: 3 },
  { inner: 44, outer: 74, least: 6, spread: 6, turnsLeast: 2, turnsSpread: 3 },
  { inner: 30, outer: 50, least: 7, spread: 6, turnsLeast: 2, turnsSpread: 3 },
];

/** Where a band that is still missing is drawn as a dashed circle, in the seal's box of 200. */
export const missingRadii = [82, 57.5, 38.5];

/**
 * The seal: for each band the path data of its lines, in a box of 200. Depends on nothing but the digest and the
 * number of points.
 */
export function seal(hex: string, bands = 3, lines = 9, points = 180): string[][] {
  const b = bytes(hex);
  const at = (i: number) => b[i % 32] ?? 0;
  const between = (i: number, low: number, high: number) => low + (at(i) / 255) * (high - low);
  return bandRadii.slice(0, bands).map((band, k) => {
    const o = k * 9;
    const n = band.least + (at(k * 5) % band.spread);
    const phase = between(o + 2, 0, 2 * Math.PI);
    const outerWave = between(o + 4, 2, 4.5);
    const innerWave = between(o + 3, 1.5, 3.5);
    const m = n * (1 + (at(o + 5) % 2));
    const paths: string[] = [];
    for (let j = 0; j < lines; j++) {
      let d = '';
      for (let i = 0; i < points; i++) {
        const t = (i / points) * 2 * Math.PI;
        const outer = band.outer - outerWave + outerWave * Math.cos(n * t + phase);
        const inner = band.inner + innerWave + innerWave * Math.cos(m * t + phase * 1.7);
        const weave = Math.cos(n * (k === 0 ? 2 : 1) * t + (2 * Math.PI * j) / lines + phase * 0.5);
        const r = (outer + inner) / 2 + ((outer - inner) / 2) * weave;
        d += `${i ? 'L' : 'M'}${(100 + r * Math.cos(t)).toFixed(1)} ${(100 + r * Math.sin(t)).toFixed(1)}`;
      }
      paths.push(d + 'Z');
    }
    return paths;
  });
}

/** One line of the countersignature in a box of 640 × 56; `sign` −1 mirrors it into the counter-wave. */
export function wave(hex: string, sign: 1 | -1, offset = 0, amplitude = 1, points = 320): string {
  const b = bytes(hex);
  let d = '';
  for (let i = 0; i <= points; i++) {
    const t = i / points;
    const k = t * 14;
    const q = Math.floor(k);
    const ease = (1 - Math.cos(Math.PI * (k - q))) / 2;
    const height = 0.38 + (0.62 * ((b[q] ?? 0) * (1 - ease) + (b[q + 1] ?? 0) * ease)) / 255;
    const taper = Math.sqrt(Math.sin(Math.PI * t));
    const angle = 14 * Math.PI * t + offset + 0.5 * Math.sin(4 * Math.PI * t + (b[20] ?? 0) / 40);
    const y = 28 + sign * amplitude * 25 * height * taper * Math.sin(angle);
    d += `${i ? 'L' : 'M'}${(t * 640).toFixed(1)} ${(Number.isFinite(y) ? y : 28).toFixed(1)}`;
  }
  return d;
}

/** The four lines of a wave: the stroke and its three echoes. */
export const waveLines = [0, 0.28, 0.56, 0.84].map((offset, i) => ({
  offset,
  amplitude: 1 - i * 0.06,
  width: i ? 0.75 : 2.25,
  opacity: i ? 0.75 : 1,
}));

/** The security strip's six lines, in a tile of 96 × 14 that repeats. */
export function strip(): string[] {
  return Array.from({ length: 6 }, (_, j) => {
    let d = '';
    for (let x = 0; x <= 96; x += 2) {
      const t = (2 * Math.PI * x) / 96;
      const y = 7 + (3.47 + 2.13 * Math.cos(t)) * Math.cos(2 * t + (j * Math.PI) / 3);
      d += `${x ? 'L' : 'M'}${x} ${y.toFixed(2)}`;
    }
    return d;
  });
}

/** The ticks of a dial as one path each for those elapsed and those left, in a box of 200. */
export function dial(ticks: number, elapsed: number): { elapsed: string; left: string } {
  const out = { elapsed: '', left: '' };
  for (let i = 0; i < ticks; i++) {
    const t = (i / ticks) * 2 * Math.PI - Math.PI / 2;
    const point = (r: number) => `${(100 + r * Math.cos(t)).toFixed(2)} ${(100 + r * Math.sin(t)).toFixed(2)}`;
    const tick = `M${point(84)}L${point(97)}`;
    if (i < Math.round(elapsed * ticks)) out.elapsed += tick;
    else out.left += tick;
  }
  return out;
}
