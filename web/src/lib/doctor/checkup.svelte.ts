import { troubledAttempt } from '$lib/webauthn/attempt';
import { diagnose, type Diagnosis } from './diagnose';
import { report, type Report } from './report';
import { gather, type Signals } from './signals';

/** One look at this browser, together with how the last try in this tab ended. */
export class Checkup {
  signals = $state.raw<Signals>();
  diagnosis = $state.raw<Diagnosis>();
  readonly attempt = troubledAttempt();
  /** What was found on the way here is about the try; after "Check again" only the device is looked at. */
  #withTry = true;

  constructor() {
    void this.look();
  }

  look = async (): Promise<void> => {
    const signals = await gather();
    const attempt = this.#withTry ? this.attempt : null;
    this.signals = signals;
    this.diagnosis = diagnose(signals, attempt?.operation ?? null, attempt?.failure ?? null);
  };

  /** Looks at the device alone: what failed before has been mended, or has not. */
  again = async (): Promise<void> => {
    this.#withTry = false;
    await this.look();
  };

  report = (): Report | null =>
    this.signals && this.diagnosis ? report(this.signals, this.diagnosis, this.attempt, Date.now()) : null;
}
