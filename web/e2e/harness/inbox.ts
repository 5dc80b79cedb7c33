import { expect } from '@playwright/test';

export interface Message {
  id: string;
  channel: 'email' | 'sms';
  to: string;
  subject: string;
  text: string;
  html: string;
  code: string | null;
  at: string;
}

interface Contents {
  authenticators: { account: string; code: string; valid_until: string; next_code: string }[];
  accounts: { email: string; password: string }[];
  messages: Message[];
}

const stepMs = 30_000;

/** What a person reads in the demo's inbox: mails, texts and the codes of the pretend phone. */
export class Inbox {
  readonly #origin: string;
  readonly #seen = new Set<string>();
  /** By account: the last step whose code was typed in. A step serves once. */
  readonly #spent = new Map<string, number>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  async read(): Promise<Contents> {
    const answer = await fetch(`${this.#origin}/demo/v1/inbox`);
    if (!answer.ok) throw new Error(`the inbox answered ${answer.status}`);
    return (await answer.json()) as Contents;
  }

  async password(email: string): Promise<string> {
    const account = (await this.read()).accounts.find((each) => each.email === email);
    if (!account) throw new Error(`the demo has no account ${email}`);
    return account.password;
  }

  /** Takes what has arrived so far as read: the next code is one that comes after. */
  async clear(): Promise<void> {
    for (const message of (await this.read()).messages) this.#seen.add(message.id);
  }

  /** The next unread message that fits. */
  async next(channel: Message['channel'], fits: (message: Message) => boolean): Promise<Message> {
    let found: Message | undefined;
    await expect
      .poll(
        async () => {
          const { messages } = await this.read();
          found = messages
            .filter((each) => each.channel === channel && !this.#seen.has(each.id) && fits(each))
            .sort((a, b) => b.at.localeCompare(a.at))[0];
          return found !== undefined;
        },
        { message: `a message by ${channel} arrives`, intervals: [50, 100, 200] },
      )
      .toBe(true);
    if (!found) throw new Error('unreachable');
    this.#seen.add(found.id);
    return found;
  }

  async code(channel: Message['channel']): Promise<string> {
    return (await this.next(channel, (each) => each.code !== null)).code ?? '';
  }

  /** The pretend phone labels its codes as the otpauth link does: with the address's first letter and its domain. */
  #labelled(email: string): string {
    return `${email.charAt(0)}•••@${email.split('@')[1]}`;
  }

  /** A code of the account's authenticator app whose step was not used yet. Two can be had at once, more one each 30 s. */
  async authenticatorCode(email: string): Promise<string> {
    const account = this.#labelled(email);
    let code = '';
    await expect
      .poll(
        async () => {
          const app = (await this.read()).authenticators.find((each) => each.account === account);
          if (!app) return `no app for ${account}`;
          const step = Date.parse(app.valid_until) / stepMs - 1;
          const spent = this.#spent.get(account) ?? 0;
          if (spent > step) return 'waiting for a new step';
          code = spent < step ? app.code : app.next_code;
          this.#spent.set(account, spent < step ? step : step + 1);
          return 'read';
        },
        { message: `the app of ${account} shows an unused code`, intervals: [100, 500, 1000], timeout: 40_000 },
      )
      .toBe('read');
    return code;
  }

  /** The last step that was spent of each app, to be handed to whoever goes on with a copy of this demo. */
  get spent(): Record<string, number> {
    return Object.fromEntries(this.#spent);
  }

  /** Goes on from where another inbox was: the steps that it spent serve no more. */
  goOnFrom(spent: Record<string, number>): void {
    for (const [account, step] of Object.entries(spent)) this.#spent.set(account, step);
  }

  /** The app was set up anew: its codes are those of another secret. */
  forgetSteps(email: string): void {
    this.#spent.delete(this.#labelled(email));
  }
}
