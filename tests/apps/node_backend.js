// node_backend.js PORT: answers every request after the body has been read.
const http = require('node:http');

http
  .createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end('hello\n'));
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
