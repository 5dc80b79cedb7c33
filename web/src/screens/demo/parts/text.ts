/*
 * A message's plain text, taken apart for the page. Everything in it is shown; only what the page says anyway (the
 * subject, the code in its box, the name over the letter) is not said twice.
 */

export type Block =
  | { kind: 'text'; lines: string[] }
  | { kind: 'facts'; facts: [string, string][] }
  /** A labelled address of its own line, and what follows it in the paragraph. */
  | { kind: 'link'; label: string; url: string; rest: string[] };

export interface Letter {
  blocks: Block[];
  /** Below the signature's dashes: the phrase, and who we are. */
  foot: string[];
}

const fact = /^([^:]{1,24}): (?!https?:)(.+)$/;
const link = /^(.{1,60}): (https?:\/\/\S+)$/;

export function letterOf(text: string, subject: string, code: string | null): Letter {
  const [body = '', foot = ''] = text.replace(/\r\n/g, '\n').split(/\n-- \n/);
  const paragraphs = body.split(/\n{2,}/).map(linesOf);
  const title = subject ? paragraphs.findIndex((lines) => lines.length === 1 && lines[0] === subject) : -1;
  const blocks = paragraphs
    .slice(title + 1)
    .filter((lines) => lines.length > 0 && !(lines.length === 1 && lines[0] === code))
    .map(blockOf);
  return { blocks, foot: linesOf(foot) };
}

function linesOf(paragraph: string): string[] {
  return paragraph.split('\n').filter((line) => line.trim() !== '');
}

function blockOf(lines: string[]): Block {
  const linked = link.exec(lines[0] ?? '');
  if (linked) return { kind: 'link', label: linked[1] ?? '', url: linked[2] ?? '', rest: lines.slice(1) };
  const facts = lines.map((line) => fact.exec(line));
  if (lines.length > 1 && facts.every((each) => each !== null)) {
    return { kind: 'facts', facts: facts.map((each) => [each[1] ?? '', each[2] ?? '']) };
  }
  return { kind: 'text', lines };
}

/** The path within this app that a link of a message leads to; null for any other address. */
export function pathInside(url: string, origin: string): string | null {
  if (!URL.canParse(url)) return null;
  const parsed = new URL(url);
  return parsed.origin === origin ? parsed.pathname + parsed.search + parsed.hash : null;
}
