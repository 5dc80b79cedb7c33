import { beforeEach, describe, expect, it } from 'vitest';
import { forgetAttempt, lastAttempt, take, troubledAttempt, type AttemptEvent } from './attempt';

const failed: AttemptEvent = {
  step: 'failed',
  error: 'NotAllowedError',
  code: 'closed_early',
  elapsed_ms: 400,
  timeoutMs: 300_000,
  visible: true,
};

describe('the last attempt', () => {
  beforeEach(forgetAttempt);

  it('gathers the steps of one verification', () => {
    take('create', 'ver_1', { step: 'opened' }, 1);
    take('create', 'ver_1', { step: 'prompted' }, 2);
    take('create', 'ver_1', failed, 3);
    expect(lastAttempt()?.steps.map(({ step }) => step)).toEqual(['opened', 'prompted', 'failed']);
    expect(lastAttempt()?.failure).toMatchObject({ error: 'NotAllowedError', code: 'closed_early', elapsedMs: 400 });
  });

  it('begins anew for another verification, after a quarter of an hour, and after one that was done', () => {
    take('create', 'ver_1', { step: 'prompted' }, 0);
    take('create', 'ver_2', { step: 'prompted' }, 1);
    expect(lastAttempt()?.steps).toHaveLength(1);
    take('create', 'ver_2', { step: 'prompted' }, 16 * 60_000);
    expect(lastAttempt()?.steps).toHaveLength(1);
    take('create', 'ver_2', { step: 'done' }, 16 * 60_000 + 1);
    take('create', 'ver_2', { step: 'prompted' }, 16 * 60_000 + 2);
    expect(lastAttempt()?.steps).toHaveLength(1);
  });

  it('is no trouble once it went well', () => {
    take('sign_in', null, failed, 1);
    expect(troubledAttempt()).not.toBeNull();
    take('sign_in', null, { step: 'done' }, 2);
    expect(troubledAttempt()).toBeNull();
  });

  it('takes no abort of our own for a failure', () => {
    take('sign_in', null, { ...failed, error: 'AbortError', code: 'aborted' }, 1);
    expect(lastAttempt()?.failure).toBeNull();
  });

  it('holds a refusal by the server', () => {
    take('sign_in', null, { step: 'refused', code: 'login_refused' }, 1);
    expect(lastAttempt()?.failure).toMatchObject({ error: '', code: 'login_refused', elapsedMs: null });
  });

  it('is kept in the tab', () => {
    take('sign_in', null, { step: 'prompted' }, 1);
    expect(sessionStorage.getItem('attempt')).toContain('prompted');
    forgetAttempt();
    expect(sessionStorage.getItem('attempt')).toBeNull();
  });
});
