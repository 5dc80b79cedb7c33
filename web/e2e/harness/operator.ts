import { expect, type BrowserContext, type Locator, type Page } from '@playwright/test';
import { Authenticator } from './authenticator';
import type { Answer } from './customer';
import type { Demo } from './demo';
import { Gate, withoutAutofill } from './gate';

/** Somebody of the business at a browser of their own: what they do at the desk. */
export class Operator {
  readonly page: Page;
  readonly device: Authenticator;
  readonly gate: Gate;
  readonly demo: Demo;

  private constructor(page: Page, device: Authenticator, gate: Gate, demo: Demo) {
    this.page = page;
    this.device = device;
    this.gate = gate;
    this.demo = demo;
  }

  static async in(context: BrowserContext, demo: Demo): Promise<Operator> {
    const gate = await Gate.around(context, demo.origin);
    await context.addInitScript(withoutAutofill);
    const page = await context.newPage();
    return new Operator(page, await Authenticator.in(page), gate, demo);
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  link(name: string | RegExp): Locator {
    return this.page.getByRole('link', { name, exact: true });
  }

  heading(name: string | RegExp): Locator {
    return this.page.getByRole('heading', { name, exact: true });
  }

  field(name: string | RegExp): Locator {
    return this.page.getByRole('textbox', { name, exact: true });
  }

  dialog(): Locator {
    return this.page.getByRole('dialog');
  }

  async open(path: string): Promise<void> {
    await this.page.goto(path);
  }

  /** Comes in by an invitation's link: makes the passkey, which signs in. */
  async accept(link: string, name: string): Promise<void> {
    await this.open(link);
    await expect(this.heading(`Welcome, ${name}`)).toBeVisible();
    await this.button('Create your passkey').click();
    await this.atQueue();
  }

  async signIn(): Promise<void> {
    await this.open('/operator/sign-in');
    await this.button('Sign in with your passkey').click();
    await this.atQueue();
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: /^You: / }).click();
    await this.dialog().getByRole('button', { name: 'Sign out' }).click();
    await expect(this.heading('Operators’ desk')).toBeVisible();
  }

  async atQueue(): Promise<void> {
    await expect(this.page).toHaveURL('/operator');
    await expect(this.heading('Requests')).toBeVisible();
  }

  async openAccount(email: string): Promise<void> {
    await this.open('/operator/accounts');
    await this.field('E-mail').fill(email);
    await this.button('Find').click();
    await expect(this.heading(/^Account /)).toBeVisible();
  }

  call<T = Record<string, never>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    return this.page.evaluate(
      async ([method, path, body]) => {
        const answer = await fetch(path, { method, headers: { 'Content-Type': 'application/json' }, body });
        const text = await answer.text();
        return { status: answer.status, body: (text ? JSON.parse(text) : {}) as never };
      },
      [method, path, body === undefined ? undefined : JSON.stringify(body)] as const,
    );
  }
}
