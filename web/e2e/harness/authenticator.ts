import type { CDPSession, Page } from '@playwright/test';

/** A passkey as it lies in an authenticator, private key and all; what syncing carries to another device. */
export interface Credential {
  credentialId: string;
  isResidentCredential: boolean;
  rpId?: string;
  privateKey: string;
  userHandle?: string;
  signCount: number;
  backupEligibility?: boolean;
  backupState?: boolean;
  userName?: string;
  userDisplayName?: string;
}

export interface Kind {
  /** Synced by a provider, as those of Apple and Google are. */
  synced?: boolean;
}

/** The device's own authenticator, with a sensor that says yes, no, or nothing yet. */
export class Authenticator {
  readonly #cdp: CDPSession;
  readonly #id: string;

  private constructor(cdp: CDPSession, id: string) {
    this.#cdp = cdp;
    this.#id = id;
  }

  static async in(page: Page, { synced = true }: Kind = {}): Promise<Authenticator> {
    const cdp = await page.context().newCDPSession(page);
    // Chromium's own window cannot be answered in a test; without it the authenticator answers.
    await cdp.send('WebAuthn.enable', { enableUI: false });
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        ctap2Version: 'ctap2_1',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
        defaultBackupEligibility: synced,
        defaultBackupState: synced,
      },
    });
    return new Authenticator(cdp, authenticatorId);
  }

  /** Whether the finger or face is recognised from now on. Without it every request is refused at once. */
  async recognises(yes: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setUserVerified', { authenticatorId: this.#id, isUserVerified: yes });
  }

  /** Whether the person answers at all; if not, requests wait. */
  async answers(yes: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: this.#id, enabled: yes });
  }

  async passkeys(): Promise<Credential[]> {
    const { credentials } = await this.#cdp.send('WebAuthn.getCredentials', { authenticatorId: this.#id });
    return credentials;
  }

  async add(credential: Credential): Promise<void> {
    await this.#cdp.send('WebAuthn.addCredential', { authenticatorId: this.#id, credential });
  }

  async clear(): Promise<void> {
    await this.#cdp.send('WebAuthn.clearCredentials', { authenticatorId: this.#id });
  }
}
