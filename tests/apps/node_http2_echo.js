// node_http2_echo.js PORT: an HTTP/2 server in clear text that answers with a line of JSON: the path, every traceparent that came, and the length
// and the SHA-256 of the body. Calls of gRPC get it as their message.
'use strict';
const crypto = require('node:crypto');
const http2 = require('node:http2');

const server = http2.createServer();
server.on('stream', (stream, headers, flags, raw) => {
  const contexts = [];
  for (let at = 0; at < raw.length; at += 2) if (raw[at] === 'traceparent') contexts.push(raw[at + 1]);
  const hash = crypto.createHash('sha256');
  let length = 0;
  stream.on('error', () => {});
  stream.on('data', (chunk) => {
    length += chunk.length;
    hash.update(chunk);
  });
  stream.on('end', () => {
    const text = JSON.stringify({ path: headers[':path'], contexts, length, sha256: hash.digest('hex') }) + '\n';
    if (headers['content-type'] !== 'application/grpc') {
      stream.respond({ ':status': 200 });
      stream.end(text);
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(text.length, 1);
    stream.end(Buffer.concat([prefix, Buffer.from(text)]));
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
