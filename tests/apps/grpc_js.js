// grpc_js.js server PORT | grpc_js.js client HOST:PORT: gRPC by @grpc/grpc-js, with bytes as messages. With TLS_CERTIFICATE (a file with certificate
// and key) in its environment, it speaks TLS.
//
// The client makes one call of each kind, then a hundred at a time, then ends.
'use strict';
const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');

const [mode, place] = process.argv.slice(2);
const pem = process.env.TLS_CERTIFICATE && fs.readFileSync(process.env.TLS_CERTIFICATE);
const same = (bytes) => bytes;

function serve(port) {
  const method = (name, requestStream, responseStream) => ({
    path: `/tracer.Js/${name}`,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  const methods = {
    upload: method('Upload', true, false),
    download: method('Download', false, true),
    chat: method('Chat', true, true),
    fail: method('Fail', false, false),
  };
  const handlers = {
    upload: (call, done) => call.on('data', () => {}).on('end', () => done(null, Buffer.from('all'))),
    download: (call) => {
      for (let number = 0; number < 3; number++) call.write(call.request);
      call.end();
    },
    chat: (call) => call.on('data', (bytes) => call.write(bytes)).on('end', () => call.end()),
    fail: (call, done) => done({ code: grpc.status.FAILED_PRECONDITION, details: 'as asked for' }),
  };
  for (let number = 0; number < 100; number++) {
    methods[`unary${number}`] = method(`Unary${number}`, false, false);
    handlers[`unary${number}`] = (call, done) => done(null, call.request);
  }
  const server = new grpc.Server();
  server.addService(methods, handlers);
  const credentials = pem
    ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: pem, private_key: pem }])
    : grpc.ServerCredentials.createInsecure();
  server.bindAsync(`127.0.0.1:${port}`, credentials, (error) => {
    if (error) throw error;
  });
}

async function ask(address) {
  const credentials = pem ? grpc.credentials.createSsl(pem) : grpc.credentials.createInsecure();
  const client = new grpc.Client(address, credentials);
  const big = Buffer.alloc(100_000, 'x');
  const path = (name) => `/tracer.Js/${name}`;
  const unary = (name) =>
    new Promise((done) => client.makeUnaryRequest(path(name), same, same, Buffer.from('hello'), done));
  const drained = (call) => new Promise((done) => call.on('data', () => {}).on('end', done));
  await unary('Unary0');
  await new Promise((done) => {
    const call = client.makeClientStreamRequest(path('Upload'), same, same, done);
    for (let number = 0; number < 3; number++) call.write(big);
    call.end();
  });
  await drained(client.makeServerStreamRequest(path('Download'), same, same, big));
  const chat = client.makeBidiStreamRequest(path('Chat'), same, same);
  chat.write(Buffer.from('a'));
  chat.end();
  await drained(chat);
  const error = await unary('Fail');
  if (error?.code !== grpc.status.FAILED_PRECONDITION) throw new Error(`Fail did not fail: ${error}`);
  await Promise.all(Array.from({ length: 100 }, (_, number) => unary(`Unary${number}`)));
  client.close();
}

if (mode === 'server') serve(Number(place));
else ask(place);
