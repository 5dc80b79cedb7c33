/** A message's plain text, cut into paragraphs of lines, and lines into words and links. */
export type Piece = { text: string } | { text: string; href: string };

const address = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)]/g;

export function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of line.matchAll(address)) {
    if (match.index > at) pieces.push({ text: line.slice(at, match.index) });
    pieces.push({ text: match[0], href: match[0] });
    at = match.index + match[0].length;
  }
  if (at < line.length) pieces.push({ text: line.slice(at) });
  return pieces;
}

export function paragraphsOf(text: string): string[][] {
  return text
    .replace(/\r\n/g, '\n')
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.split('\n').filter((line) => line.trim() !== ''))
    .filter((lines) => lines.length > 0);
}
