/** The worker: a Session that speaks through its own messages. */

import { Session } from './session.js';
import { packed } from './packed.js';

const session = new Session((message, transfer = []) =>
  globalThis.postMessage(message.type === 'frame' ? packed(message) : message, { transfer }),
);

globalThis.addEventListener('message', (event) => session.receive(event.data));
