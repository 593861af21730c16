// Preloaded beside a receiver that names a port of its own: has it listen on PORT instead.
const { Server } = require('http');
const { listen } = Server.prototype;

Server.prototype.listen = function (_, ...rest) {
  return listen.call(this, process.env.PORT, '127.0.0.1', ...rest);
};
