import { expect, it } from 'vitest';
import { noticeBuild, whenNewBuild } from './client';

it('a newer build is told of once, and never the page’s own', () => {
  const told: string[] = [];
  whenNewBuild((build) => told.push(build));
  noticeBuild(null);
  noticeBuild('1');
  noticeBuild('1');
  expect(told).toEqual([]);
  noticeBuild('2');
  noticeBuild('3');
  expect(told).toEqual(['2']);
});
