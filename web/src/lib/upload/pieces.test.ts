import { describe, expect, it } from 'vitest';
import { backoffMs, judge, mediaType, Pace, pieceAt } from './pieces';

const pieceBytes = 1024 * 1024;

describe('pieces', () => {
  it('are whole but the last', () => {
    expect(pieceAt(0, 3 * pieceBytes, pieceBytes)).toEqual({ from: 0, to: pieceBytes });
    expect(pieceAt(2 * pieceBytes, 2 * pieceBytes + 7, pieceBytes)).toEqual({
      from: 2 * pieceBytes,
      to: 2 * pieceBytes + 7,
    });
  });

  it('are tried again ever more slowly, and never more than half a minute apart', () => {
    expect([1, 2, 3, 4, 5, 6, 60].map(backoffMs)).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  });
});

describe('judge', () => {
  it.each([0, 408, 429, 500, 502, 503])('%d is tried again', (status) => {
    expect(judge(status, {})).toEqual({ do: 'retry' });
  });
  it('goes on from where the server is', () => {
    expect(judge(409, { code: 'upload_offset', stored: 2 * pieceBytes })).toEqual({
      do: 'go_on',
      offset: 2 * pieceBytes,
    });
  });
  it.each([
    [404, 'not_found'],
    [413, 'too_large'],
    [507, 'storage_full'],
    [409, 'conflict'],
  ])('%d ends it', (status, code) => {
    expect(judge(status, { code })).toEqual({ do: 'stop', code });
  });
});

describe('the time that is left', () => {
  it('is told by the pace, and not before there is one', () => {
    const pace = new Pace();
    expect(pace.secondsLeft(100)).toBeNull();
    pace.take(0, 0);
    expect(pace.secondsLeft(100)).toBeNull();
    pace.take(1000, 25);
    expect(pace.secondsLeft(100)).toBe(3);
    pace.reset();
    expect(pace.secondsLeft(100)).toBeNull();
  });
});

describe('mediaType', () => {
  it.each([
    ['video/webm;codecs=vp9', 'x', 'video/webm'],
    ['video/quicktime', 'IMG_1.MOV', 'video/quicktime'],
    ['', 'IMG_1.MOV', 'video/quicktime'],
    ['', 'a.html', ''],
    ['text/html', 'a.mp4', ''],
    ['image/svg+xml', 'a.svg', ''],
  ])('%s %s is %s', (type, name, expected) => expect(mediaType(type, name)).toBe(expected));
});
