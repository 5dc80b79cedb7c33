export default {
  title: 'Help',
  lede: 'Passkeys, codes, and what to do when something looks wrong.',
  check: 'Check this device',
  checkLine: 'What stops a passkey here, and what mends it',
  requests: 'Your requests',
  requestsLine: 'Write to us, and read what we answered',
  request: 'Write to us',
  requestLine: 'We answer by e-mail, without an account too',
  passkeys: 'Passkeys',
  trouble: 'When it doesn’t work',
  safety: 'Staying safe',
  faq: [
    {
      ask: 'What is a passkey?',
      answer:
        'A key on your device, opened by your face, fingerprint or screen lock. With it you sign in and approve withdrawals without a password or codes.',
    },
    {
      ask: 'What are the benefits?',
      answer:
        'One look or touch instead of codes. It works only on our real site, so a fake page gets nothing from it. Apple and Google sync it to your other devices.',
    },
    { ask: 'Where do I set one up?', answer: 'Your avatar (top left), then Security, Passkey, Create passkey.' },
    {
      ask: 'What are the steps?',
      answer:
        'Enter the codes from your e-mail, your phone and your authenticator app. Then your device asks for your face, fingerprint or screen lock, and it is done.',
    },
    {
      ask: 'What changes for withdrawals?',
      answer:
        'One scan approves a withdrawal, bound to exactly what you see. Your phone, e-mail and authenticator app must all be added. With two of them a passkey signs you in, and withdrawals take your codes.',
    },
    {
      ask: 'Am I asked every time I open the app?',
      answer: 'No. We check that it’s you when you sign in, withdraw, or change your security settings.',
    },
    { ask: 'Do I have to have one?', answer: 'No. Codes go on working for signing in and for withdrawals.' },
    {
      ask: 'I have a new phone. Does my passkey come along?',
      answer: 'Yes, if it is synced: sign in with the same Apple or Google account on the new phone.',
    },
    { ask: 'How many can I have?', answer: 'As many as you like.' },
    {
      ask: 'Is it safe?',
      answer:
        'What your device reads of your face or finger stays there. We keep only the public half of the key. Someone who knows your password still needs your device or your codes.',
    },
  ],
  troubles: [
    {
      ask: 'Creating a passkey fails',
      answer:
        'Make sure that your browser and your system are up to date, and try again. “Check this device” above says what stops it. If it still fails, send us a request with a screen recording. Your codes go on working meanwhile.',
    },
    {
      ask: 'No window comes up',
      answer:
        'On iPhone: Settings, your name, iCloud, Passwords and Keychain on. On Android: signed in to Google, and Google Play services up to date. On Windows: a Windows Hello PIN. On a closed laptop: open the lid.',
    },
    {
      ask: 'A code doesn’t match',
      answer:
        'Codes from an app follow the clock of the phone: turn on automatic date and time there. Each works once. For e-mail and text messages, use the newest.',
    },
    {
      ask: 'I lost a phone or a device',
      answer:
        'Sign in with a passkey on another device, or with your codes. Then delete the lost passkey under Security, Passkey, and sign the device out under Devices.',
    },
  ],
  safeties: [
    {
      ask: 'Something wasn’t me',
      answer:
        'Freeze the account: Security, Freeze account, or the link in our e-mail. It stops every withdrawal at once. You undo it with your password and all your codes.',
    },
    {
      ask: 'Is this e-mail from you?',
      answer:
        'Set an anti-phishing phrase under Security. Every genuine e-mail about your account carries it; only one that answers a request sent without signing in has none. We never ask for codes by phone or chat.',
    },
    {
      ask: 'Why are withdrawals paused?',
      answer:
        'After a risky change, such as a replaced factor or a reset password, withdrawals pause for 24 hours, and for 72 after unfreezing. It gives you time to see our e-mail.',
    },
  ],
  signIn: 'Sign in',
  build: (build: string) => `Version ${build}`,
};
