import type { Locator } from '@playwright/test';
import type { Customer } from './harness/customer';
import { expect, test } from './harness/test';

/** Presses Tab until the element has the focus, and makes sure that the focus can be seen there. */
async function tabTo({ page }: Customer, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 60; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) {
      // The cells of a code are drawn over its field, and stand for it.
      const seen = await target.evaluate((element) => {
        const drawn = element.matches('.code input')
          ? element.nextElementSibling?.querySelector('.caret, .three')
          : element;
        const box = element.closest('.box') ?? drawn ?? element;
        return [drawn ?? element, box].some((each) => {
          const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
          return (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
        });
      });
      expect(seen, `the focus is seen on ${await target.evaluate((each) => each.outerHTML.slice(0, 80))}`).toBe(true);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${target.toString()}`);
}

async function press(customer: Customer, target: Locator, key = 'Enter'): Promise<void> {
  await tabTo(customer, target);
  await customer.page.keyboard.press(key);
}

async function type(customer: Customer, target: Locator, text: string): Promise<void> {
  await tabTo(customer, target);
  await customer.page.keyboard.type(text);
}

test.describe('without a mouse', () => {
  test.use({ world: 'new' });

  test('from signing in over a new passkey to an approved withdrawal, by the keyboard alone', async ({ ines }) => {
    const { page, demo } = ines;
    await ines.open('/sign-in');
    await type(ines, ines.field('E-mail or phone'), ines.email);
    await type(ines, page.getByLabel('Password', { exact: true }), await demo.inbox.password(ines.email));
    await page.keyboard.press('Enter');
    await type(ines, ines.field('6-digit code'), await demo.inbox.authenticatorCode(ines.email));
    await page.keyboard.press('Enter');
    await ines.atHome();

    await press(ines, ines.button('Your profile'));
    await press(ines, page.getByRole('dialog').getByRole('link', { name: 'Security' }));
    await press(ines, page.getByRole('link', { name: /^Passkey Face, fingerprint or screen lock/ }));
    await expect(ines.heading('Sign in and withdraw with a passkey')).toBeVisible();
    await press(ines, ines.link('Create passkey'));
    await demo.inbox.clear();
    await press(ines, ines.button('Send the codes'));
    await expect(page.getByText('Sent to').first()).toBeVisible();
    await type(ines, ines.codeFields.email, await demo.inbox.code('email'));
    await type(ines, ines.codeFields.phone, await demo.inbox.code('sms'));
    await type(ines, ines.codeFields.app, await demo.inbox.authenticatorCode(ines.email));
    await page.keyboard.press('Enter');
    await press(ines, ines.button('Continue'));
    await expect(ines.heading('Passkey created')).toBeVisible();
    await press(ines, ines.button('Done'));

    await press(ines, page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Withdraw' }));
    await tabTo(ines, page.getByLabel('Asset', { exact: true }));
    await page.keyboard.type('USDT');
    await press(ines, ines.button('Saved'));
    await press(ines, page.getByRole('dialog').getByRole('button', { name: /^Ledger at home/ }));
    await type(ines, ines.field('Amount'), '250');
    await page.keyboard.press('Enter');
    await press(ines, ines.button('Confirm with passkey'));
    await ines.seesApproval();
    await expect(ines.heading('Approved')).toBeFocused();
  });
});
