// node_http2_client.js AUTHORITY PATH...: asks for each path after the other over one connection by HTTP/2 in clear text, and prints the answers.
// After the first one, it waits until the file in the variable GATE exists, if there is such a variable. The first one alone has the traceparent in the
// variable OWN, if there is one.
'use strict';
const fs = require('node:fs');
const http2 = require('node:http2');

const [authority, ...paths] = process.argv.slice(2);
const session = http2.connect(`http://${authority}`);
let own = process.env.OWN ? { traceparent: process.env.OWN } : {};
const next = () => {
  const path = paths.shift();
  if (path === undefined) return session.close();
  const request = session.request({ ':path': path, ...own });
  own = {};
  request.setEncoding('utf8');
  request.on('data', (text) => process.stdout.write(text));
  request.on('end', wait);
  request.end();
};
const wait = () => {
  const gate = process.env.GATE;
  if (!gate || fs.existsSync(gate)) next();
  else setTimeout(wait, 10);
};
next();
