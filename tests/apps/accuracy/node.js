// node.js PORT BACK CLIENT: Node's http server; CLIENT is `fetch` (async/await), `callback` (http.request) or `store` (store.js).
const http = require('node:http');

const [port, back, client] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });

// FNV-1a, 64 bits, of `ID:CALL`: no byte of it says which request it belongs to.
function backPath(id, call) {
  let value = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(`${id}:${call}`)) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  }
  return `/back/${value.toString(16).padStart(16, '0')}`;
}

const pause = () => Math.random() * 20;
const sleep = () => new Promise((done) => { setTimeout(done, pause()); });

function request(path, done) {
  http.get(back + path, { agent }, (answer) => {
    answer.resume();
    answer.on('end', done);
  }).on('error', (error) => { console.error(error); done(); });
}

function withCallbacks(kind, first, second, answer) {
  if (kind === 'one') request(first, answer);
  else if (kind === 'seq') request(first, () => request(second, answer));
  else if (kind === 'par') {
    let open = 2;
    const done = () => { open -= 1; if (open === 0) answer(); };
    request(first, done);
    request(second, done);
  } else if (kind === 'wait') setTimeout(() => request(first, answer), pause());
  else {
    answer();
    const go = () => request(first, () => {});
    if (kind === 'later') setTimeout(go, pause());
    else setImmediate(go);
  }
}

const call = client === 'store' ? require('./store.js').open() : async (path) => (await fetch(back + path)).text();

async function withPromises(kind, first, second, answer) {
  if (kind === 'one') await call(first);
  else if (kind === 'seq') {
    await call(first);
    await call(second);
  } else if (kind === 'par') await Promise.all([call(first), call(second)]);
  else if (kind === 'wait') {
    await sleep();
    await call(first);
  }
  answer();
  if (kind === 'later') await sleep();
  if (kind === 'after' || kind === 'later') await call(first);
}

const handle = client === 'callback' ? withCallbacks : withPromises;

http.createServer({ keepAliveTimeout: 60000 }, (incoming, response) => {
  const [, , kind, id] = incoming.url.split('/');
  handle(kind, backPath(id, 1), backPath(id, 2), () => {
    response.writeHead(200, { 'Content-Length': 3 });
    response.end('ok\n');
  });
}).listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 });
