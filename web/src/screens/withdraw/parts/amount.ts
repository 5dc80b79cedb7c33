/*
 * Amounts as they are typed. They stay strings of digits: the one form that the server takes is the shortest plain
 * decimal, and what does not have it without doubt ("1,5") is asked again, never guessed.
 */

export type Typed =
  { ok: true; value: string } | { ok: false; problem: 'empty' | 'comma' | 'shape' | 'decimals' | 'zero' };

/** Reads what was typed into the shortest plain decimal: no zeros at its ends, no point without digits. */
export function readAmount(text: string, decimals: number): Typed {
  const plain = latinDigits(text.trim());
  if (plain === '') return { ok: false, problem: 'empty' };
  if (/[,'’\u066b\u066c]/.test(plain)) return { ok: false, problem: 'comma' };
  const match = /^(\d*)(?:\.(\d*))?$/.exec(plain);
  if (!match || plain === '.') return { ok: false, problem: 'shape' };
  const whole = (match[1] ?? '').replace(/^0+(?=\d)/, '') || '0';
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (fraction.length > decimals) return { ok: false, problem: 'decimals' };
  if (whole === '0' && fraction === '') return { ok: false, problem: 'zero' };
  return { ok: true, value: fraction ? `${whole}.${fraction}` : whole };
}

// Arabic-Indic, extended Arabic-Indic and full-width digits, as keyboards set to these scripts type them.
function latinDigits(text: string): string {
  return text.replace(/[\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]/g, (digit) => {
    const code = digit.charCodeAt(0);
    return String(code - (code >= 0xff10 ? 0xff10 : code >= 0x06f0 ? 0x06f0 : 0x0660));
  });
}

/**
 * What an amount is worth if `available` is worth `fiat`, rounded to cents: the demo's figure for the form. null when
 * nothing is available to compare with.
 */
export function worth(value: string, available: string, fiat: string): string | null {
  const scale = 24;
  const base = scaled(available, scale);
  if (base === 0n) return null;
  const cents = (scaled(value, scale) * scaled(fiat, 2) + base / 2n) / base;
  const digits = cents.toString().padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

function scaled(decimal: string, scale: number): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'));
}
