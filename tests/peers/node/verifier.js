// Takes webhooks that the stock libraries verify and whose bytes are JavaScript's own; refuses all
// others with 401, and says why. GET / tells how many it took, and the first reasons.
const http = require('http');
const { Webhook: Standard } = require('standardwebhooks');
const { Webhook: Svix } = require('svix');

let taken = 0;
const refused = [];

function check(headers, body) {
  new Standard(process.env.SECRET).verify(body, headers);
  new Svix(process.env.SECRET).verify(body, headers);
  if (JSON.stringify(JSON.parse(body)) !== body) {
    throw new Error(`the bytes are not JavaScript's: ${body.slice(0, 1000)}`);
  }
}

http
  .createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      if (request.method === 'GET') {
        response.end(JSON.stringify({ taken, refused }));
        return;
      }
      try {
        check(request.headers, new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces)));
        taken += 1;
      } catch (error) {
        response.statusCode = 401;
        if (refused.length < 5) refused.push(String(error));
      }
      response.end();
    });
  })
  .listen(0);
