// One upstream over stdio, started by the contenders: `node stdio-upstream.cjs <options as JSON>`. What it is asked
// it writes to a file at once, because a contender may end it in any way.
'use strict';

const fs = require('node:fs');
const { createContent, envelope } = require('./content.cjs');

const options = JSON.parse(process.argv[2]);
const { answer } = createContent(options);
const log = fs.openSync(options.logFile, 'a');
let state = 'new';

function onMessage({ id, method, params }) {
  let violation;
  if (method === 'initialize') state = 'initializing';
  else if (method === 'notifications/initialized' && state === 'initializing') state = 'ready';
  else if (state !== 'ready' && method !== 'server/discover') violation = `${method} in state ${state}`;
  fs.writeSync(log, `${JSON.stringify({ method, uri: params?.uri ?? params?.name, violation })}\n`);
  if (id === undefined) return;
  const text = `${envelope(id, answer(method, params))}\n`;
  if (options.delayMs > 0) setTimeout(() => process.stdout.write(text), options.delayMs);
  else process.stdout.write(text);
}

let rest = '';
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  for (const line of lines) if (line !== '') onMessage(JSON.parse(line));
});
process.stdin.on('end', () => process.exit());
