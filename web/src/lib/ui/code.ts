/** The digits of what was typed or pasted, at most six: "123 456", "٤٨٢٩١٣" and "４８２-９１３" are all codes. */
export function normaliseCode(text: string): string {
  let digits = '';
  for (const char of text) {
    const digit = asDigit(char.codePointAt(0) ?? 0);
    if (digit >= 0) digits += digit;
    if (digits.length === 6) break;
  }
  return digits;
}

// Where the runs of ten digits begin that phones and keyboards put into codes.
const zeros = [
  0x30, // ASCII
  0x0660, // Arabic-Indic
  0x06f0, // Extended Arabic-Indic (Persian, Urdu)
  0x0966, // Devanagari
  0xff10, // full width
];

function asDigit(point: number): number {
  for (const zero of zeros) {
    if (point >= zero && point <= zero + 9) return point - zero;
  }
  return -1;
}
