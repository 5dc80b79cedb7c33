import type { TicketState, Topic } from '$lib/api/types';
import { plural } from '$lib/i18n/index.svelte';

const seconds = (n: number) => plural(n, { one: `${n} second`, other: `${n} seconds` });
const minutes = (n: number) => plural(n, { one: `${n} minute`, other: `${n} minutes` });

/** A length that is allowed: whole minutes where it is some. */
const length = (ms: number) => (ms % 60_000 === 0 ? minutes(ms / 60_000) : seconds(Math.floor(ms / 1000)));

export default {
  // the recording, over every page
  recordingNow: 'Recording your screen',
  recordingStopped: 'Your recording is ready',
  stop: 'Stop',
  goOn: 'Look at it',

  // list
  help: 'Help',
  title: 'Your requests',
  none: 'No requests yet',
  noneLine: 'If something fails, check this device first. If it still fails, write to us.',
  check: 'Check this device',
  new: 'New request',
  states: {
    new: 'Sent',
    open: 'We’re on it',
    waiting: 'Waiting for us',
    answered: 'Answered',
    resolved: 'Closed',
  } satisfies Record<TicketState, string>,
  signedOutTitle: 'Your requests',
  signedOutLine: 'Sign in to see them, or open the link in our e-mail about a request.',
  signIn: 'Sign in',

  // new
  tellUs: 'Tell us what happened',
  about: 'About',
  topics: {
    passkey_create_failed: 'Creating a passkey failed',
    passkey_sign_in_failed: 'Signing in with a passkey failed',
    passkey_confirm_failed: 'Confirming a withdrawal failed',
    codes_not_arriving: 'Codes don’t arrive or don’t match',
    lost_device: 'I lost a phone or a device',
    withdrawal: 'A withdrawal',
    other: 'Something else',
  } satisfies Record<Topic, string>,
  saw: 'What did you see?',
  sawMissing: 'Say in a few words what happened.',
  email: 'Your e-mail',
  emailHint: 'We answer there. It may be any address, with or without an account here.',
  emailMissing: 'We need an e-mail to answer to.',
  emailWrong: 'This is not an e-mail address.',
  recording: 'Screen recording',
  recordingOptional: 'Optional',
  record: 'Record screen',
  recordAgain: 'Record again',
  choose: 'Choose a file',
  hide: 'Hide codes and balances before you record. Only support sees it.',
  kept: (days: number) =>
    `It is deleted ${plural(days, { one: `${days} day`, other: `${days} days` })} after your request is closed.`,
  limits: (ms: number, size: string) => `MP4, WebM or MOV, up to ${length(ms)} and ${size}.`,
  pause: 'Pause',
  resume: 'Go on',
  retry: 'Try again',
  remove: 'Remove',
  play: 'Play the recording',
  progress: 'Uploaded',
  starting: 'Getting ready',
  percent: (n: number) => `${n}%`,
  percentLeft: (n: number, left: string) => `${n}%, about ${left} left`,
  left: (left: number) => (left < 60 ? seconds(left) : minutes(Math.ceil(left / 60))),
  paused: (n: number) => `Paused at ${n}%`,
  waiting: (n: number) => `No connection. It goes on by itself at ${n}%.`,
  checking: 'Checking the file',
  uploaded: 'Uploaded',
  failedLine: 'It could not be uploaded',
  reasons: {
    unsupported: 'This isn’t an MP4, WebM or MOV video, so we didn’t keep it.',
    broken: 'This video is damaged or incomplete, so we didn’t keep it.',
    disguised: 'There is something else in this file beside the video, so we didn’t keep it.',
  } as Record<string, string>,
  tooLong: (ms: number) => `This video is longer than ${length(ms)}, so we didn’t keep it.`,
  notVideo: 'Choose an MP4, WebM or MOV video.',
  tooLarge: (size: string) => `This file is larger than ${size}. Choose a shorter one.`,
  empty: 'This file is empty.',
  notRecorded:
    'Nothing is being recorded: the choice was closed, or this device doesn’t allow it. You can choose a file instead.',
  emptyRecording: 'The recording was stopped before anything was in it. Record again, or choose a file.',
  lost: 'The page was closed before your recording had arrived, and this browser could not keep it. Add it again.',
  finding: 'Looking for your recording',
  cannotRecord: 'Your browser could not record the screen. Choose a file instead.',

  // before recording
  beforeTitle: 'Before you record',
  before: [
    'Close or cover codes, balances and messages.',
    'Choose the whole screen: the window of your device is part of it.',
    'Go to where it fails, and let it fail. Stop stands at the top of each page.',
  ],
  beforeNote: 'You see the recording before it goes anywhere.',
  begin: 'Start recording',
  cancel: 'Cancel',

  // preview
  previewTitle: 'Check the recording',
  previewLine: 'Look for codes, balances and names. Nothing has been sent.',
  previewAlt: 'Your recording',
  previewNot: 'This browser can’t play the file. We can take it all the same.',
  use: 'Use this recording',
  throwAway: 'Throw it away',
  close: 'Close',

  // added
  added: 'Added for you',
  isAdded: 'Added',
  report: 'Device report',
  steps: (n: number) => plural(n, { one: 'The step that led here', other: `The ${n} steps that led here` }),
  stepsLine: 'With times, without codes',
  stepsTitle: 'The steps that led here',
  stepsDone: 'Close',
  stepNames: {
    opened: 'You began',
    codes_sent: 'Codes sent',
    codes_matched: 'Your codes matched',
    options_issued: 'We asked your browser',
    prompted: 'Your device was asked',
    failed: 'It ended without an answer',
    refused: 'We could not accept the answer',
    done: 'It worked',
  } as Record<string, string>,

  send: 'Send',
  sendWhen: { uploaded: 'Send when uploaded', recorded: 'Send when recorded' },
  sentTitle: 'We have your request',
  sentLine: (email: string) =>
    `If we can reach ${email}, a link to your request is on its way there. Our answer comes to the same address.`,
  sentNumber: 'Number',
  back: 'Back to sign-in',

  nextHead: 'What happens next',
  next1: 'You get a request number by e-mail.',
  next2: 'A person reads it and answers.',
  next3: 'Your anti-phishing phrase is in every e-mail of ours.',
  next3NoSession: 'The e-mail has a link that opens your request.',
  meanwhile: 'Meanwhile',
  meanwhileLine: 'Signing in and withdrawing with codes go on working.',
  neverHead: 'We never ask',
  neverLine: 'for a password or a code, in a request or by phone.',

  // one request
  request: (number: string) => `Request ${number}`,
  you: 'You',
  us: 'Support',
  sentOn: (when: string) => `Sent ${when}`,
  attached: 'Attached',
  recordingRow: 'Screen recording',
  recordingDeleted: 'Deleted',
  recordingUntil: (size: string, day: string) => `${size}, deleted on ${day}`,
  recordingGone: (day: string) => `Deleted on ${day}`,
  recordingRefused: 'Not kept',
  reportAttached: 'Browser and system, no personal data',
  reference: (reference: string) => `Reference ${reference}`,
  answer: 'Add something',
  answerSend: 'Send',
  answerSent: 'Sent',
  answerMissing: 'Write something first.',
  reopen: 'This request is closed. Writing opens it again.',
  keptUntil: (day: string) => `The request is deleted on ${day}.`,
  linkTitle: 'This link no longer works',
  linkLine: 'It is incomplete, or the request it opened has been deleted. You can send a new one.',
};
