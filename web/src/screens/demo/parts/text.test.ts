import { describe, expect, it } from 'vitest';
import { letterOf, pathInside } from './text';

describe('a message taken apart', () => {
  const text = [
    'Countersign',
    'Your code to approve a withdrawal',
    'It works once, until 01:10 UTC.',
    '591156',
    'Amount: 20 USDT\nDevice: Safari on iPhone',
    'This wasn’t me: http://localhost:8080/not-me#abc\nIt opens a page.',
    'Not you? Without this code nothing is sent.\n\n-- \nYour phrase: copper heron 41.\nCountersign, localhost.\n',
  ].join('\n\n');

  it('says the subject and the code once, and keeps all else', () => {
    expect(letterOf(text, 'Your code to approve a withdrawal', '591156')).toEqual({
      blocks: [
        { kind: 'text', lines: ['It works once, until 01:10 UTC.'] },
        {
          kind: 'facts',
          facts: [
            ['Amount', '20 USDT'],
            ['Device', 'Safari on iPhone'],
          ],
        },
        {
          kind: 'link',
          label: 'This wasn’t me',
          url: 'http://localhost:8080/not-me#abc',
          rest: ['It opens a page.'],
        },
        { kind: 'text', lines: ['Not you? Without this code nothing is sent.'] },
      ],
      foot: ['Your phrase: copper heron 41.', 'Countersign, localhost.'],
    });
  });

  it('keeps a text message whole', () => {
    expect(letterOf('Code 333793. Never share it.\n\n@localhost #333793', '', '333793').blocks).toHaveLength(2);
  });

  it('follows links into this app only', () => {
    expect(pathInside('http://localhost:8080/not-me#abc', 'http://localhost:8080')).toBe('/not-me#abc');
    expect(pathInside('http://localhost.evil.example/not-me', 'http://localhost:8080')).toBeNull();
    expect(pathInside('javascript:alert(1)', 'http://localhost:8080')).toBeNull();
  });
});
