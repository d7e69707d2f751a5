// node_front.js PORT BACKEND: answers every request after one for the same path at BACKEND, over kept connections. With
// TLS_CERTIFICATE (a file with certificate and key) in its environment, it speaks TLS.
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');

const [port, backend] = process.argv.slice(2);
const client = backend.startsWith('https:') ? https : http;
const agent = new client.Agent({ keepAlive: true, rejectUnauthorized: false });
const pem = process.env.TLS_CERTIFICATE && fs.readFileSync(process.env.TLS_CERTIFICATE);
const [server, options] = pem ? [https, { cert: pem, key: pem }] : [http, {}];

server
  .createServer(options, (request, response) => {
    client
      .get(backend + request.url, { agent }, (answer) => {
        response.writeHead(answer.statusCode);
        answer.pipe(response);
      })
      .on('error', () => {
        response.writeHead(502);
        response.end();
      });
  })
  .listen(Number(port), '127.0.0.1');
