import { expect, test } from './harness/test';

test.describe('somebody new', () => {
  test.use({ world: 'new' });

  test('registers, and reads the code in the inbox page as a person would', async ({ another }) => {
    const ada = await another('ada@lowell.example');
    await ada.open('/register');
    await ada.field('E-mail').fill(ada.email);
    await ada.page.getByLabel('Password', { exact: true }).fill('quiet lantern 58');
    await ada.button('Continue').click();
    await expect(ada.heading('Confirm your e-mail')).toBeVisible();

    const inbox = await ada.context.newPage();
    await inbox.goto('/demo/inbox');
    const mail = inbox.getByRole('log').getByRole('listitem').filter({ hasText: ada.email }).first();
    const spelt = await mail.getByRole('button', { name: /^Copy the code/ }).getAttribute('aria-label');
    const code = (spelt ?? '').replace(/\D/g, '');
    expect(code).toMatch(/^\d{6}$/);
    await inbox.close();

    await ada.field('E-mail code').fill(code);
    await ada.button('Create account').click();
    await expect(ada.heading('Security')).toBeVisible();
    expect((await ada.get<{ bound_count: number }>('/v1/account')).body.bound_count).toBe(1);
    expect(ada.gate.calls.filter((each) => each.mediation !== 'conditional')).toEqual([]);
  });

  test('the inbox page shows the codes that the app asks for, and the accounts to sign in with', async ({ ines }) => {
    await ines.open('/demo/inbox');
    await expect(ines.page.getByText(ines.email).first()).toBeVisible();
    await expect(ines.page.getByText('i•••@halloran.example').first()).toBeVisible();
  });
});
