/** The worker: a Session that speaks through its own messages. */

import { Session } from './session.js';

const session = new Session((message, transfer = []) =>
  globalThis.postMessage(message, { transfer }));

globalThis.addEventListener('message', (event) => session.receive(event.data));
