import { api } from '$lib/api/client';

export interface Message {
  id: string;
  channel: 'email' | 'sms';
  to: string;
  subject: string;
  text: string;
  html: string;
  code: string | null;
  at: string;
  account: string;
}

export interface Authenticator {
  account: string;
  hint: string;
  code: string;
  valid_until: string;
  next_code: string;
}

export interface DemoAccount {
  email: string;
  password: string;
  note: string;
}

export interface DemoInbox {
  authenticators: Authenticator[];
  accounts: DemoAccount[];
  messages: Message[];
}

const everyMs = 2000;

/** Asks for the inbox every two seconds while the page is seen, and at once when it comes back to view. */
export class InboxPoll {
  inbox = $state.raw<DemoInbox>();
  /** The last answer failed: what is shown may be old. */
  stale = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;

  /** Returns the way to stop it. */
  start(): () => void {
    this.#running = true;
    const seen = () => {
      if (document.visibilityState === 'visible') void this.#ask();
    };
    document.addEventListener('visibilitychange', seen);
    void this.#ask();
    return () => {
      this.#running = false;
      clearTimeout(this.#timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const inbox = await api.get<DemoInbox>('/demo/v1/inbox', { anonymous: true });
      // The same answer is not taken: the page would be drawn anew under somebody's selection.
      if (JSON.stringify(inbox) !== JSON.stringify(this.inbox)) this.inbox = inbox;
      this.stale = false;
    } catch {
      this.stale = true;
    }
    clearTimeout(this.#timer);
    if (this.#running && document.visibilityState === 'visible') {
      this.#timer = setTimeout(() => void this.#ask(), everyMs);
    }
  }
}
