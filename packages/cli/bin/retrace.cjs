#!/usr/bin/env node
'use strict';

// CommonJS, and in words every Node understands: it has to run where the rest cannot, to say why.

const NODE_MAJOR_MIN = 20;
const NODE_MINOR_MIN = 11;

function fail(message) {
  process.stderr.write(`retrace: ${message}\n`);
  process.exit(1);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor < NODE_MINOR_MIN)) {
  fail(
    `Node ${NODE_MAJOR_MIN}.${NODE_MINOR_MIN} or newer is needed, this is ` +
      `${process.versions.node}: install a newer Node (https://nodejs.org)`,
  );
}

// The thread pool takes its size when it is first used: later is too late.
process.env.UV_THREADPOOL_SIZE ??= '16';

const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const main = join(__dirname, '../dist/main.js');
if (!existsSync(main)) {
  fail(`it is not built yet (no ${main}): run "npm start" or "npm run build" in the checkout`);
}
import(pathToFileURL(main).href).catch((error) => {
  fail(process.env.RETRACE_DEBUG === '1' ? error.stack : error.message);
});
