// Calls of a store in place of the back service: see store.py.
const [kind, address] = (process.env.STORE || '').split('://');
const [host, port] = (address || '').split(':');

const statement = (path) => `SELECT 1 AS "${path}"`;
const code = (path) => [...path.split('/').pop()]
  .map((digit) => String.fromCharCode(65 + parseInt(digit, 16))).join('') + ' asked for';

// `call(path)`: with `pg` a pool of connections, with `redis` one connection that all share.
exports.open = () => {
  if (kind === 'postgres') {
    const { Pool } = require('pg');
    const pool = new Pool({ host, port: Number(port), user: 'postgres', database: 'postgres', max: 64 });
    return (path) => pool.query(statement(path));
  }
  const { createClient } = require('redis');
  const client = createClient({ socket: { host, port: Number(port) } });
  const connected = client.connect();
  return async (path) => {
    await connected;
    await client.sendCommand(['EVAL', 'return redis.error_reply(ARGV[1])', '0', code(path)]).catch(() => {});
  };
};
