import { expect, type BrowserContext, type Locator, type Page } from '@playwright/test';
import { Authenticator, type Kind } from './authenticator';
import type { Demo } from './demo';
import { Gate, withoutAutofill } from './gate';

export const ledgerAtHome = 'TQm7Vh3Kx9Zd4RpNbE6wY2sJ4875Pr8aXe';

/** Valid on its network, and made to begin and end like the one above. */
export const lookalike = 'TQm7Vh3Kx9Zd1dLmrDNoPnZvATEwbD8aXe';

export interface Answer<T> {
  status: number;
  body: T & { code?: string };
}

interface Wanted {
  asset?: string;
  network?: RegExp;
  to?: string;
  amount?: string;
}

/** A person at a browser: what they do, in the words of the app. */
export class Customer {
  readonly email: string;
  readonly page: Page;
  readonly device: Authenticator;
  readonly gate: Gate;
  readonly demo: Demo;
  /** Changes with what the person does. */
  password: string | undefined;

  private constructor(email: string, page: Page, device: Authenticator, gate: Gate, demo: Demo) {
    this.email = email;
    this.page = page;
    this.device = device;
    this.gate = gate;
    this.demo = demo;
  }

  /** Somebody at a fresh page of this browser. A test that brings its own browser looks at the gate itself. */
  static async in(
    context: BrowserContext,
    email: string,
    demo: Demo,
    { autofill = false, ...kind }: Kind & { autofill?: boolean } = {},
  ): Promise<Customer> {
    const gate = await Gate.around(context, demo.origin);
    if (!autofill) await context.addInitScript(withoutAutofill);
    const page = await context.newPage();
    return new Customer(email, page, await Authenticator.in(page, kind), gate, demo);
  }

  get context(): BrowserContext {
    return this.page.context();
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  link(name: string | RegExp): Locator {
    return this.page.getByRole('link', { name, exact: true });
  }

  /** The main heading of the page that stands. */
  heading(name: string | RegExp): Locator {
    return this.page.getByRole('heading', { level: 1, name, exact: true });
  }

  field(name: string | RegExp): Locator {
    return this.page.getByRole('textbox', { name, exact: true });
  }

  async open(path: string): Promise<void> {
    await this.page.goto(path);
  }

  // Signing in and out

  async typePassword(email: string, password: string): Promise<void> {
    await this.field('E-mail or phone').fill(email);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.button('Continue with a code').click();
    await expect(this.heading('Enter your code')).toBeVisible();
  }

  /** By password and one code, as every account can. */
  async signInWithCodes(): Promise<void> {
    const password = this.password ?? (await this.demo.inbox.password(this.email));
    await this.open('/sign-in');
    await this.typePassword(this.email, password);
    await this.field('6-digit code').fill(await this.demo.inbox.authenticatorCode(this.email));
    await this.button('Sign in').click();
    await this.atHome();
  }

  /** By the button, with a passkey of the device. */
  async signInWithPasskey(): Promise<void> {
    await this.open('/sign-in');
    await this.button('Sign in with a passkey').click();
    await this.atHome();
  }

  async atHome(): Promise<void> {
    await expect(this.page).toHaveURL('/');
    await expect(this.page.getByRole('heading', { name: 'Assets' })).toBeVisible();
  }

  async openMenu(): Promise<Locator> {
    await this.button('Your profile').click();
    const menu = this.page.getByRole('dialog');
    await expect(menu).toBeVisible();
    return menu;
  }

  async signOut(): Promise<void> {
    const menu = await this.openMenu();
    await menu.getByRole('button', { name: 'Sign out' }).click();
    await expect(this.heading('Sign in')).toBeVisible();
  }

  // Codes

  get codeFields() {
    return {
      email: this.field('E-mail code'),
      phone: this.field('SMS code'),
      app: this.field('Authenticator code'),
    };
  }

  /** Has the codes sent that can be. */
  async sendCodes(): Promise<void> {
    await this.demo.inbox.clear();
    await this.button(/^Send the codes?$/).click();
    await expect(this.page.getByText('Sent to').first()).toBeVisible();
  }

  /** Has the codes sent, and types every one that is asked. */
  async typeCodes(): Promise<void> {
    await this.sendCodes();
    const { email, phone, app } = this.codeFields;
    await email.fill(await this.demo.inbox.code('email'));
    if (await phone.isVisible()) await phone.fill(await this.demo.inbox.code('sms'));
    if (await app.isVisible()) await app.fill(await this.demo.inbox.authenticatorCode(this.email));
  }

  // Passkeys

  /** Avatar, Security, Passkey, Create passkey: the way that the help page describes. */
  async openCreatePasskeyByTaps(): Promise<void> {
    await this.button('Your profile').click();
    await this.page.getByRole('dialog').getByRole('link', { name: 'Security' }).click();
    await this.page
      .getByRole('main')
      .getByRole('link', { name: /^Passkey\b/ })
      .last()
      .click();
    // The page that is left has a link of the same name, to this one.
    await expect(this.heading(/^Sign in .*with a passkey$/)).toBeVisible();
    await this.link('Create passkey').click();
    await expect(this.heading('Verify it’s you')).toBeVisible();
  }

  /** From the codes to the passkey that is there. */
  async createPasskey(): Promise<void> {
    await this.typeCodes();
    await this.button('Verify').click();
    await expect(this.heading('You’re verified. Now create your passkey.')).toBeVisible();
    await this.button('Continue').click();
    await expect(this.heading('Passkey created')).toBeVisible();
  }

  // Withdrawals

  /** Opens the form, fills it in and opens the review; says which withdrawal it is. */
  async requestWithdrawal(wanted: Wanted = {}): Promise<string> {
    await this.open('/withdraw');
    return this.fillInWithdrawal(wanted);
  }

  /** The same on the form that is open. */
  async fillInWithdrawal({
    asset = 'USDT',
    network = /^Tron/,
    to = ledgerAtHome,
    amount = '250',
  }: Wanted = {}): Promise<string> {
    await this.page.getByLabel('Asset', { exact: true }).selectOption(asset);
    const choice = this.page.getByRole('radio', { name: network });
    if (await choice.isVisible()) await choice.check();
    await this.field('To').fill(to);
    await this.field('Amount').fill(amount);
    await this.button('Review').click();
    await expect(this.page).toHaveURL(/\/withdraw\/[^/]+$/);
    return this.page.url().split('/').at(-1) ?? '';
  }

  async confirmWithPasskey(): Promise<void> {
    await this.button('Confirm with passkey').click();
    await this.seesApproval();
  }

  async confirmWithCodes(): Promise<void> {
    await this.button(/^(Use codes instead|Confirm with codes)$/).click();
    await expect(this.heading('Confirm with codes')).toBeVisible();
    await this.typeCodes();
    await this.button(/^Confirm with \d codes$/).click();
    await this.seesApproval();
  }

  async seesApproval(): Promise<void> {
    await expect(this.heading('Approved')).toBeVisible();
  }

  // The API, as a script in the page would call it: same origin, same cookies

  call<T = Record<string, never>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    return this.page.evaluate(
      async ([method, path, body]) => {
        const headers: Record<string, string> = { 'Content-Type': 'application/json' };
        if (path === '/v1/withdrawals') headers['Idempotency-Key'] = crypto.randomUUID();
        const answer = await fetch(path, { method, headers, body });
        const text = await answer.text();
        return { status: answer.status, body: (text ? JSON.parse(text) : {}) as never };
      },
      [method, path, body === undefined ? undefined : JSON.stringify(body)] as const,
    );
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.call<T>('GET', path);
  }

  post<T = Record<string, never>>(path: string, body: unknown = {}): Promise<Answer<T>> {
    return this.call<T>('POST', path, body);
  }
}
