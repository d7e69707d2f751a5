// node_front.js PORT BACKEND: answers every request after one for the same path at BACKEND, over kept connections.
const http = require('node:http');

const [port, backend] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });

http
  .createServer((request, response) => {
    http
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
